-- Duplicates of a page that is not kept itself. A survivor whose archive another run has put in force under
-- another recipe is not looked at: it was kept under the one the duplicates were searched with. Copies of a page that
-- was forgotten stay out, and their survivor is the place it had.
SELECT
    found.crawl || '/' || found.archive || ' at ' || found."offset" AS subject,
    format(
        'its survivor {}/{} at {} is {}',
        found.survivor_crawl, found.survivor_archive, found.survivor_offset,
        coalesce(survivor.fate, 'not in the ledger')
    ) AS detail
FROM duplicates AS found
JOIN state.archives AS archive
    ON archive.crawl = found.survivor_crawl
    AND archive.archive = found.survivor_archive
    AND archive.dedup_fingerprint = found.fingerprint
LEFT JOIN ledger AS survivor
    ON survivor.crawl = found.survivor_crawl
    AND survivor.archive = found.survivor_archive
    AND survivor."offset" = found.survivor_offset
WHERE survivor.fate IS DISTINCT FROM 'kept'
    AND survivor.dropped_by_rule IS DISTINCT FROM 'archive.forgotten'
