-- Every row of one archive, in its order: the rules it failed, and those of changed limit it would fail now ({mask}).
SELECT
    fate <> 'unreadable' AND dropped_by IS DISTINCT FROM 'archive' AS judged,
    failed_rules,
    {mask} AS mask
FROM read_parquet({rows}, hive_partitioning = false, file_row_number = true)
ORDER BY file_row_number
