-- Stretches of the page in crawl $1, archive $2, at offset $3 that another page has as well.
SELECT kind, start, chars, removed, pages, survivor_id, survivor_crawl
FROM spans
WHERE crawl = $1 AND archive = $2 AND "offset" = $3
ORDER BY start
