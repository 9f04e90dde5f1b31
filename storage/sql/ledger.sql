-- ledger: one row, one fate for every content record and unreadable span.
-- Columns: those of `pages`, with fate kept, dropped, duplicate or unreadable; of a duplicate (else null):
--   survivor_id, survivor_crawl, survivor_archive, survivor_offset   the page kept instead
--   duplicate_kind   exact, payload, near or span   jaccard   measured similarity with the survivor, 0..1
-- Of a page with stretches that other pages have as well (else null; each stretch is in `spans`):
--   span_count, span_chars   how many, and their characters
SELECT
    page.* REPLACE (
        CASE WHEN copy_of.crawl IS NULL THEN page.fate ELSE 'duplicate' END AS fate,
        CASE WHEN copy_of.crawl IS NULL THEN page.dropped_by ELSE 'dedup' END AS dropped_by,
        CASE WHEN copy_of.crawl IS NULL THEN page.dropped_by_rule ELSE 'dedup.' || copy_of.kind END
            AS dropped_by_rule
    ),
    copy_of.survivor_id,
    copy_of.survivor_crawl,
    copy_of.survivor_archive,
    copy_of.survivor_offset,
    copy_of.kind AS duplicate_kind,
    copy_of.jaccard,
    shared.span_count,
    shared.span_chars
FROM pages AS page
LEFT JOIN duplicates AS copy_of
    ON page.crawl = copy_of.crawl
    AND page.archive = copy_of.archive
    AND page."offset" = copy_of."offset"
    AND page.fate = 'kept'
LEFT JOIN (
    SELECT crawl, archive, "offset", count(*) AS span_count, sum(chars)::BIGINT AS span_chars
    FROM spans
    GROUP BY crawl, archive, "offset"
) AS shared
    ON page.crawl = shared.crawl
    AND page.archive = shared.archive
    AND page."offset" = shared."offset"
