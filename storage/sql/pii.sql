-- pii: one row a replacement of personal data: where and of what kind, never the value.
-- Columns: see `PII` in storage/schema.py.
SELECT * FROM {rows}
