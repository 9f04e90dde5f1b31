-- Every capture with a URL or doc_id ($1), with the recipe of the run that put its archive in force and the
-- fingerprint of the archive's rows.
SELECT ledger.*, runs.recipe, archive.fingerprint
FROM ledger
LEFT JOIN state.archives AS archive ON ledger.crawl = archive.crawl AND ledger.archive = archive.archive
LEFT JOIN runs ON runs.run_id = archive.run_id
WHERE ledger.doc_id = $1 OR ledger.url = $1
ORDER BY ledger.crawl, ledger.archive, ledger."offset"
