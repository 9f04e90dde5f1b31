-- Stretches found in one documents file. In: $found (files), $low and $high (pages, high exclusive).
SELECT page, start, chars, pages, source, kind
FROM read_parquet($found, hive_partitioning = false)
WHERE page >= $low AND page < $high
ORDER BY page, start, kind
