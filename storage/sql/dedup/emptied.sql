-- Pages of one crawl of which nothing is left without what other pages have (table DUPLICATES).
-- In: $documents (files), $crawl; table emptied: page, source (places).
WITH placed AS (
    SELECT
        (list_position($documents, filename) - 1)::BIGINT * 4294967296 + file_row_number AS page,
        crawl, archive, "offset", doc_id
    FROM read_parquet($documents, hive_partitioning = false, filename = true, file_row_number = true)
)
SELECT
    page.crawl, page.archive, page."offset", page.doc_id,
    kept.doc_id AS survivor_id, kept.crawl AS survivor_crawl, kept.archive AS survivor_archive,
    kept."offset" AS survivor_offset, 'span' AS kind, NULL::DOUBLE AS jaccard
FROM emptied
JOIN placed AS page ON page.page = emptied.page
JOIN placed AS kept ON kept.page = emptied.source
WHERE page.crawl = $crawl
ORDER BY page.crawl, page.archive, page."offset"
