-- Lines, or paragraphs, that at least $least pages of one host have, but for the first copy.
-- In: $blocks (files), $kind. Out: page, start, chars, pages, source (the page with the first copy), kind, in order.
WITH blocks AS (
    SELECT * FROM read_parquet($blocks, hive_partitioning = false) WHERE kind = $kind
),
repeated AS (
    SELECT host, hash, count(DISTINCT page) AS pages, min(row(page, start)) AS first
    FROM blocks
    GROUP BY host, hash
    HAVING count(DISTINCT page) >= $least
)
SELECT
    blocks.page, blocks.start, blocks.chars, repeated.pages, struct_extract(repeated.first, 1) AS source, blocks.kind
FROM blocks
JOIN repeated ON blocks.host = repeated.host AND blocks.hash = repeated.hash
WHERE row(blocks.page, blocks.start) <> repeated.first
ORDER BY blocks.page, blocks.start
