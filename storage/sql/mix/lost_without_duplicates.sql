-- Where the pages of some archives were lost, and how many there were. In: $pages (files).
-- Out: stage (null: kept), pages.
SELECT CASE fate WHEN 'unreadable' THEN 'read' WHEN 'dropped' THEN dropped_by END AS stage, count(*) AS pages
FROM read_parquet($pages, union_by_name = true, hive_partitioning = false)
GROUP BY stage
ORDER BY ALL
