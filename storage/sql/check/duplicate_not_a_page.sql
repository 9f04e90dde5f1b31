-- Duplicates that no rule had let through, or that are no page at all.
SELECT
    found.crawl || '/' || found.archive || ' at ' || found."offset" AS subject,
    'is ' || coalesce(page.fate, 'not in the ledger') AS detail
FROM duplicates AS found
LEFT JOIN pages AS page
    ON page.crawl = found.crawl
    AND page.archive = found.archive
    AND page."offset" = found."offset"
WHERE page.fate IS DISTINCT FROM 'kept'
