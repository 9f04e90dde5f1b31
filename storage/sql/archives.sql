-- archives: one row an archive in force, with its books as they were closed when it was read.
-- An archive is in force as the newest run that lists it made it; other recipes' rows stay in the lake.
-- Columns: see `ARCHIVES` in storage/schema.py.
SELECT * FROM {rows}
