-- contamination: one row a stretch of a page (dropped ones too) that is in a benchmark, with what became of it.
-- Columns: see `CONTAMINATION` in storage/schema.py.
SELECT * FROM {rows}
