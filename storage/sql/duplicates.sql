-- duplicates: one row a page removed for another, with the measured similarity; of the archives in force.
-- Columns: fingerprint of the dedup step, then `DUPLICATES` in storage/schema.py.
SELECT found.*
FROM {rows} AS found
SEMI JOIN state.archives AS current
    ON found.crawl = current.crawl
    AND found.archive = current.archive
    AND found.fingerprint = current.dedup_fingerprint
