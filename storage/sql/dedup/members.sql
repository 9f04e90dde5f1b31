-- The pages of one part, by cluster, then rank.
-- In: $texts (files), $part.
-- Out: cluster, rank, body, text, keys.
SELECT cluster, rank, body, text, keys
FROM read_parquet($texts, hive_partitioning = false)
WHERE part = $part
ORDER BY cluster, rank
