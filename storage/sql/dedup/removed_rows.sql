-- Offsets of one archive's pages that are duplicates. In: $duplicates (files), $crawl, $archive.
SELECT "offset" FROM read_parquet($duplicates, hive_partitioning = false) WHERE crawl = $crawl AND archive = $archive
