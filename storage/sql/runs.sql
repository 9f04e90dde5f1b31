-- runs: one row a run, with its whole recipe (stages and rules included) as JSON.
-- Columns: see `RUNS` in storage/schema.py.
SELECT * FROM {rows}
