-- Of the wanted records of all files, each place once; one copy of each content, the first in archive order; and
-- of those as many as asked for, by a hash of seed and place, so that more of them only add.
WITH places AS (
    FROM read_parquet($parts, hive_partitioning = false)
    QUALIFY row_number() OVER (PARTITION BY archive, "offset" ORDER BY length, digest) = 1
),
contents AS (
    FROM places
    QUALIFY NOT $one_per_digest
        OR row_number() OVER (
            PARTITION BY coalesce(digest, archive || '#' || "offset") ORDER BY archive, "offset"
        ) = 1
),
drawn AS (
    FROM contents
    QUALIFY $max_records IS NULL
        OR row_number() OVER (ORDER BY md5($seed || '/' || archive || '#' || "offset"), archive, "offset")
            <= $max_records
)
SELECT archive, "offset", length, digest FROM drawn ORDER BY archive, "offset"
