-- Of the word sequences that several groups have, those of one group. In: $shared (file), $windows (the group's file).
-- Out: hash, page, times, by hash.
SELECT shared.hash, shared.page, shared.times
FROM read_parquet($shared, hive_partitioning = false) AS shared
SEMI JOIN read_parquet($windows, hive_partitioning = false) AS mine ON shared.hash = mine.hash
ORDER BY shared.hash
