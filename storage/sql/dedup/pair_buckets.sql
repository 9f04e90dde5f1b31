-- Candidate pairs: every page of a bucket with the bucket's best $max_bucket pages, once each.
-- In: table buckets.
-- Out: better, worse (ranks, better < worse), in order.
SELECT DISTINCT best.rank AS better, other.rank AS worse
FROM buckets AS best
JOIN buckets AS other USING (band, band_key)
WHERE best.place <= $max_bucket AND best.place < other.place
ORDER BY better, worse
