-- Pages that a better page replaces. In: $duplicates (files); table duplicates.
INSERT INTO duplicates SELECT crawl, archive, "offset" FROM read_parquet($duplicates, hive_partitioning = false)
