-- Pages that were removed because the one in crawl $1, archive $2, at offset $3 was kept; a few of them.
-- Out: doc_id, url, crawl, archive, offset, kind, jaccard, of (how many there are).
SELECT found.doc_id, page.url, found.crawl, found.archive, found."offset", found.kind, found.jaccard, count(*) OVER () AS of
FROM duplicates AS found
LEFT JOIN pages AS page
    ON page.crawl = found.crawl AND page.archive = found.archive AND page."offset" = found."offset"
WHERE found.survivor_crawl = $1 AND found.survivor_archive = $2 AND found.survivor_offset = $3
ORDER BY found.jaccard DESC, found.crawl, found.archive, found."offset"
LIMIT 20
