-- evaluations: one row a number found about trained models: scaling exponents, scores, each with its interval.
-- Columns: see `EVALUATIONS` in storage/schema.py.
SELECT * FROM {rows}
