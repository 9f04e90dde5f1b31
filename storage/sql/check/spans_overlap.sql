-- Records that run into the next one.
WITH spans AS (
    SELECT *, lead("offset") OVER (PARTITION BY crawl, archive ORDER BY "offset") AS following FROM pages
)
SELECT
    crawl || '/' || archive || ' at ' || "offset" AS subject,
    format('runs {} past the start of the next record', "offset" + length - following) AS detail
FROM spans
WHERE following > "offset" AND "offset" + length > following
