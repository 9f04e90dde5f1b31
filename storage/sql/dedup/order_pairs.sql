-- All candidate pairs once each, pairs of one neighbourhood together, so that few texts serve many pairs.
-- In: $candidates (files).
-- Out: better, worse; by the best page that `better` is a candidate of.
WITH pairs AS (
    SELECT DISTINCT better, worse FROM read_parquet($candidates)
),
homes AS (
    SELECT worse AS page, min(better) AS home FROM pairs GROUP BY worse
)
SELECT better, worse
FROM pairs
LEFT JOIN homes ON homes.page = pairs.better
ORDER BY coalesce(home, better), better, worse
