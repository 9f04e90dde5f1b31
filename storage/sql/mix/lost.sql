-- Where the pages of some archives were lost, and how many there were. In: $pages, $duplicates (files).
-- Out: stage (null: kept so far; `dedup.` and the kind for duplicates), pages.
SELECT CASE fate WHEN 'unreadable' THEN 'read' WHEN 'dropped' THEN dropped_by END AS stage, count(*) AS pages
FROM read_parquet($pages, union_by_name = true, hive_partitioning = false)
GROUP BY stage
UNION ALL
SELECT 'dedup.' || kind, count(*) FROM read_parquet($duplicates, hive_partitioning = false) GROUP BY kind
ORDER BY ALL
