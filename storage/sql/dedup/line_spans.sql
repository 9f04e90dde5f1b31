-- Lines that at least $least pages of one host have, but for the first copy.
-- In: $lines (files). Out: page, start, chars, pages, source (the page with the first copy), in order.
WITH lines AS (
    SELECT * FROM read_parquet($lines, hive_partitioning = false)
),
repeated AS (
    SELECT host, hash, count(DISTINCT page) AS pages, min(row(page, start)) AS first
    FROM lines
    GROUP BY host, hash
    HAVING count(DISTINCT page) >= $least
)
SELECT
    lines.page, lines.start, lines.chars, repeated.pages, struct_extract(repeated.first, 1) AS source, 'line' AS kind
FROM lines
JOIN repeated ON lines.host = repeated.host AND lines.hash = repeated.hash
WHERE row(lines.page, lines.start) <> repeated.first
ORDER BY lines.page, lines.start
