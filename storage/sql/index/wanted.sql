-- Records that one file of the columnar index lists and that are wanted, by the conditions of the recipe.
SELECT
    warc_filename AS archive,
    warc_record_offset::BIGINT AS "offset",
    warc_record_length::BIGINT AS length,
    content_digest AS digest
FROM read_parquet($uri, hive_partitioning = false)
WHERE {conditions}
  AND warc_filename IN (SELECT unnest($archives))
ORDER BY archive, "offset"
