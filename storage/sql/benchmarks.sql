-- benchmarks: what was looked for in each archive's pages. Columns: see `BENCHMARKS` in storage/schema.py.
SELECT * FROM {rows}
