-- The first {limit} pages that failed exactly those rules ({failed}) and would fail the changed ones of {mask}.
SELECT {number} AS number, doc_id, url, crawl, archive, "offset", length, payload_digest, {language}, {values}
FROM {rows}
WHERE {place} AND failed_rules = {failed} AND ({mask}) = {wanted}
ORDER BY hash("offset"), crawl, archive, "offset"
LIMIT {limit}
