-- Word sequences that several groups of files have. In: $windows (files, one a group: hash, page, times).
-- Out: hash, page (of the first copy), times (in all groups), by hash.
SELECT hash, min(page) AS page, sum(times)::BIGINT AS times
FROM read_parquet($windows, hive_partitioning = false)
GROUP BY hash
HAVING count(*) > 1
ORDER BY hash
