-- Pages of one documents file that are in a cluster, in order of their row.
-- In: $pages, $members (files), $file (its number).
-- Out: part, cluster, rank, body, file_row.
SELECT member.part, member.cluster, page.rank, page.body, page.file_row
FROM read_parquet($members, hive_partitioning = false) AS member
JOIN read_parquet($pages, hive_partitioning = false) AS page ON page.rank = member.page
WHERE page.file = $file
ORDER BY page.file_row
