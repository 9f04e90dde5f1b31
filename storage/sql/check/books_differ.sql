-- Archives whose row counts other pages than their ledger has, fate by fate.
SELECT
    crawl || '/' || archive AS subject,
    format(
        'its row says {} kept, {} dropped, {} unreadable; its pages are {}, {}, {}',
        a.kept_records, a.dropped_records, a.unreadable_records,
        b.kept_records + b.duplicate_records, b.dropped_records, b.unreadable_records
    ) AS detail
FROM archives AS a
JOIN books AS b USING (crawl, archive)
WHERE (a.kept_records, a.dropped_records, a.unreadable_records, a.kept_bytes, a.dropped_bytes, a.unreadable_bytes)
    IS DISTINCT FROM (
        b.kept_records + b.duplicate_records, b.dropped_records, b.unreadable_records,
        b.kept_bytes + b.duplicate_bytes, b.dropped_bytes, b.unreadable_bytes
    )
