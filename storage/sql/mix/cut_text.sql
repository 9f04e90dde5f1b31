-- One document's text. In: $document (file), $file_row. Out: text.
SELECT text FROM read_parquet($document, hive_partitioning = false, file_row_number = true)
WHERE file_row_number = $file_row
