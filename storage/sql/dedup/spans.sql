-- Repeated stretches of one crawl's texts (table SPANS).
-- In: $found, $documents (files), $crawl, $removed (kinds of stretches that are removed).
WITH placed AS (
    SELECT
        (list_position($documents, filename) - 1)::BIGINT * 4294967296 + file_row_number AS page,
        crawl, archive, "offset", doc_id
    FROM read_parquet($documents, hive_partitioning = false, filename = true, file_row_number = true)
)
SELECT
    page.crawl, page.archive, page."offset", page.doc_id, found.kind, found.start, found.chars,
    list_contains($removed, found.kind) AS removed,
    found.pages, kept.doc_id AS survivor_id, kept.crawl AS survivor_crawl, kept.archive AS survivor_archive,
    kept."offset" AS survivor_offset
FROM read_parquet($found, hive_partitioning = false) AS found
JOIN placed AS page ON page.page = found.page
JOIN placed AS kept ON kept.page = found.source
WHERE page.crawl = $crawl
ORDER BY page.crawl, page.archive, page."offset", found.start, found.kind
