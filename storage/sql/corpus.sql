-- corpus: the mixed shards of every corpus, repeats included.
-- Columns: corpus, fingerprint, then `CORPUS` in storage/schema.py.
SELECT * FROM {rows}
