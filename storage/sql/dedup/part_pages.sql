-- Where the texts of one part's pages lie.
-- In: $pages, $pairs (files), $part.
-- Out: rank, file (position in the list of documents files), file_row, in order of place.
SELECT rank, file, file_row
FROM read_parquet($pages)
WHERE rank IN (
    SELECT unnest([better, worse]) FROM read_parquet($pairs) WHERE part = $part
)
ORDER BY file, file_row
