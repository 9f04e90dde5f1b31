-- Where pages came from: every capture of some documents ($1, a list of doc_ids), kept ones first.
SELECT doc_id, url, crawl, archive, "offset", length, fate, survivor_id
FROM ledger
WHERE list_contains($1, doc_id)
ORDER BY doc_id, fate <> 'kept', crawl, archive, "offset"
