-- mixture: for every corpus, what share of each domain was asked for and given, and why they differ.
-- Columns: corpus, fingerprint, then `MIXTURE` in storage/schema.py.
SELECT * FROM {rows}
