-- Pages whose doc_id begins with a text ($1), a few of them, each with an address it was found under.
-- Out: doc_id, url, of (how many there are).
SELECT doc_id, min(url) AS url, count(*) OVER () AS of
FROM ledger
WHERE starts_with(doc_id, $1)
GROUP BY doc_id
ORDER BY doc_id
LIMIT 5
