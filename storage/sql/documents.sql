-- documents: texts of the pages no rule dropped, duplicates still among them, personal data replaced.
-- Columns: see `DOCUMENTS` in storage/schema.py.
SELECT * FROM {rows}
