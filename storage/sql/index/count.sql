-- How many records one file of the index lists, wanted or not; its footer tells.
SELECT count(*) AS records FROM read_parquet($uri, hive_partitioning = false)
