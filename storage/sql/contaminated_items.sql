-- contaminated_items: one row a benchmark item of which some page holds a stretch: on how many pages, how much of it at
-- most, how many of those pages were dropped (by whatever rule), lost the stretch (cut) or still hold it (kept: below
-- decontaminate.max_score, or marked only).
SELECT
    found.benchmark,
    found.item,
    count(DISTINCT found.doc_id) AS pages,
    count(DISTINCT CASE WHEN pages.fate = 'dropped' THEN found.doc_id END) AS dropped_pages,
    count(DISTINCT CASE WHEN pages.fate = 'kept' AND found.action = 'cut' THEN found.doc_id END) AS cut_pages,
    count(DISTINCT CASE WHEN pages.fate = 'kept' AND found.action <> 'cut' THEN found.doc_id END) AS kept_pages,
    max(found.score) AS max_score,
    max(CASE WHEN pages.fate = 'kept' AND found.action <> 'cut' THEN found.score END) AS max_kept_score,
    max(found.item_words) AS item_words
FROM contamination AS found JOIN pages
    ON pages.crawl = found.crawl AND pages.archive = found.archive AND pages."offset" = found."offset"
GROUP BY found.benchmark, found.item
ORDER BY max_score DESC, pages DESC, found.benchmark, found.item
