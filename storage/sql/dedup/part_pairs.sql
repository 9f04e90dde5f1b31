-- The candidate pairs of one part.
-- In: $pairs (file), $part.
-- Out: better, worse (ranks).
SELECT better, worse FROM read_parquet($pairs) WHERE part = $part ORDER BY better, worse
