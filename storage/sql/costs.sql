-- costs: what each stage of each archive and whole-corpus step in force cost; `cost` adds them up.
-- Columns: see `COSTS` in storage/schema.py.
SELECT * FROM {rows}
