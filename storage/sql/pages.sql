-- pages: one row a content record or unreadable span, as annotation judged it: identity, verdict, every signal.
-- What duplicates do to it is in `ledger`. Columns: `PAGES` in storage/schema.py, then the recipe's signals
-- (null where an archive's recipe did not measure them).
SELECT * FROM {rows}
