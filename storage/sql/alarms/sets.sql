-- Sets of rules that pages failed together, over the pages that rules judged.
SELECT failed_rules, count(*) AS pages
FROM read_parquet({files}, hive_partitioning = false)
WHERE fate <> 'unreadable' AND dropped_by IS DISTINCT FROM 'archive'
GROUP BY failed_rules
