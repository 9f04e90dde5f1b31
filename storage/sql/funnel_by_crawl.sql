-- funnel_by_crawl: what became of the pages of each crawl.
-- Columns: crawl, pages, kept, dropped, duplicate, unreadable, kept_frac 0..1, bytes (of records), kept_bytes.
SELECT
    crawl,
    count(*) AS pages,
    count(*) FILTER (fate = 'kept') AS kept,
    count(*) FILTER (fate = 'dropped') AS dropped,
    count(*) FILTER (fate = 'duplicate') AS duplicate,
    count(*) FILTER (fate = 'unreadable') AS unreadable,
    kept / pages AS kept_frac,
    sum(length)::BIGINT AS bytes,
    coalesce(sum(length) FILTER (fate = 'kept'), 0)::BIGINT AS kept_bytes
FROM ledger
GROUP BY crawl
ORDER BY crawl
