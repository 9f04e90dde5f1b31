-- Archives whose records or bytes are not all accounted for.
SELECT
    crawl || '/' || archive AS subject,
    format('{} records and {} bytes unaccounted for', balance_records, balance_bytes) AS detail
FROM books
WHERE balance_records <> 0 OR balance_bytes <> 0
