-- The first $2 pages that failed exactly those rules ({failed}) and would fail the changed ones of $1.
SELECT doc_id, url, crawl, archive, "offset", length, payload_digest, {language}, {values}
FROM {rows}
WHERE {place} AND failed_rules = {failed} AND ({mask}) = $1
ORDER BY hash("offset"), crawl, archive, "offset"
LIMIT $2
