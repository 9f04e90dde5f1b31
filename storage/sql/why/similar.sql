-- A few URLs that contain a text ($1), the shortest first.
SELECT DISTINCT url
FROM ledger
WHERE contains(lower(url), lower($1))
ORDER BY len(url), url
LIMIT 3
