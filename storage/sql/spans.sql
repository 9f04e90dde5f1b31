-- spans: stretches of kept pages' texts that other pages have as well: repeated lines of a host, long word sequences.
-- Columns: fingerprint of the dedup step, then `SPANS` in storage/schema.py; of the archives in force.
SELECT found.*
FROM {rows} AS found
SEMI JOIN state.archives AS current
    ON found.crawl = current.crawl
    AND found.archive = current.archive
    AND found.fingerprint = current.dedup_fingerprint
