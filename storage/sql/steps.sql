-- steps: one row a whole-corpus step in force (dedup, mix, tokens...), with what it wrote.
-- Columns: see `STEPS` in storage/schema.py.
SELECT * FROM {rows}
