-- trainings: one row a trained model, with its curve.
-- Columns: see `TRAININGS` in storage/schema.py.
SELECT * FROM {rows}
