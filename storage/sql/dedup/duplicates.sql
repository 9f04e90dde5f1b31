-- Pages removed, each with the page kept instead (table DUPLICATES). A copy of a page that is itself removed names that
-- page's survivor, with the same measured similarity: their texts are the same.
-- In: $pages (file), $removed (files: page, survivor (ranks), jaccard, same_body), $crawl.
SELECT
    page.crawl, page.archive, page."offset", page.doc_id,
    kept.doc_id AS survivor_id, kept.crawl AS survivor_crawl,
    kept.archive AS survivor_archive, kept."offset" AS survivor_offset,
    CASE WHEN removed.page IS NULL THEN 'exact' WHEN removed.same_body THEN 'payload' ELSE 'near' END AS kind,
    coalesce(removed.jaccard, 1.0) AS jaccard
FROM read_parquet($pages, hive_partitioning = false) AS page
LEFT JOIN read_parquet($removed, hive_partitioning = false) AS removed ON removed.page = page.first
JOIN read_parquet($pages, hive_partitioning = false) AS kept ON kept.rank = coalesce(removed.survivor, page.first)
WHERE page.rank <> kept.rank AND NOT page.settled AND page.crawl = $crawl
ORDER BY page.crawl, page.archive, page."offset"
