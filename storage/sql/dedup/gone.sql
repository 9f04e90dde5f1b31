-- Pages of earlier crawls that were removed there: they have no say. In: $duplicates (files). Makes: gone.
CREATE TABLE gone AS SELECT crawl, archive, "offset" FROM read_parquet($duplicates, hive_partitioning = false)
