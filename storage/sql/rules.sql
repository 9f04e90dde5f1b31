-- rules: the rules by which the archives in force were judged, run by run, in the order they judge.
-- Columns: run_id, position, rule, signal, low, high (null: no limit on that side), knob (recipe keys that move it),
-- gate (who fails it is measured no further), expected_low, expected_high (share of pages judged, 0..1, that it is
-- expected to fail).
SELECT * FROM state.rules ORDER BY run_id, position
