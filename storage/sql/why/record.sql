-- The page that lies in crawl $1, archive $2, at offset $3.
SELECT doc_id, url, crawl, archive, "offset", fate
FROM ledger
WHERE crawl = $1 AND archive = $2 AND "offset" = $3
