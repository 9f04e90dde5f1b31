-- Records with more than one ledger row.
SELECT crawl || '/' || archive || ' at ' || "offset" AS subject, count(*) || ' ledger rows' AS detail
FROM ledger
GROUP BY crawl, archive, "offset"
HAVING count(*) > 1
