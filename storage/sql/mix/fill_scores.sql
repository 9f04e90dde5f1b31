-- The signal that counts as quality, of every page no rule dropped. In: $pages (files); {signal}: a column, or its
-- negative; table scores.
INSERT INTO scores
SELECT crawl, archive, "offset", {signal}::DOUBLE
FROM read_parquet($pages, union_by_name = true, hive_partitioning = false)
WHERE fate = 'kept'
