-- Verified pairs in the order in which survivors are chosen.
-- In: $edges (files).
-- Out: better, worse, jaccard.
SELECT better, worse, jaccard FROM read_parquet($edges) ORDER BY worse, better
