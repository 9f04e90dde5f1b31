-- books: for every archive, records and bytes in, and where each of them went.
-- `records` and `stream_bytes` are what the reader met; kept, dropped, duplicate and unreadable are counted
-- afresh from the ledger; skipped are records that are no content. Both balances are 0, or something is lost.
WITH counted AS (
    SELECT
        crawl,
        archive,
        count(*) FILTER (fate = 'kept') AS kept_records,
        count(*) FILTER (fate = 'dropped') AS dropped_records,
        count(*) FILTER (fate = 'duplicate') AS duplicate_records,
        count(*) FILTER (fate = 'unreadable') AS unreadable_records,
        coalesce(sum(length) FILTER (fate = 'kept'), 0)::BIGINT AS kept_bytes,
        coalesce(sum(length) FILTER (fate = 'dropped'), 0)::BIGINT AS dropped_bytes,
        coalesce(sum(length) FILTER (fate = 'duplicate'), 0)::BIGINT AS duplicate_bytes,
        coalesce(sum(length) FILTER (fate = 'unreadable'), 0)::BIGINT AS unreadable_bytes
    FROM ledger
    GROUP BY crawl, archive
),
joined AS (
    SELECT
        a.crawl,
        a.archive,
        a.records,
        coalesce(c.kept_records, 0) AS kept_records,
        coalesce(c.dropped_records, 0) AS dropped_records,
        coalesce(c.duplicate_records, 0) AS duplicate_records,
        a.skipped_records,
        coalesce(c.unreadable_records, 0) AS unreadable_records,
        a.stream_bytes,
        coalesce(c.kept_bytes, 0) AS kept_bytes,
        coalesce(c.dropped_bytes, 0) AS dropped_bytes,
        coalesce(c.duplicate_bytes, 0) AS duplicate_bytes,
        a.skipped_bytes,
        coalesce(c.unreadable_bytes, 0) AS unreadable_bytes
    FROM archives AS a
    LEFT JOIN counted AS c ON a.crawl = c.crawl AND a.archive = c.archive
)
SELECT
    *,
    records - (kept_records + dropped_records + duplicate_records + skipped_records + unreadable_records)
        AS balance_records,
    stream_bytes - (kept_bytes + dropped_bytes + duplicate_bytes + skipped_bytes + unreadable_bytes)
        AS balance_bytes
FROM joined
ORDER BY crawl, archive
