-- Buckets of more than $max_bucket pages: beyond the best of them, their pages were not compared with each other.
-- In: table buckets.
-- Out: one row a band that has such a bucket: band, buckets, pages in them, pages of the largest.
SELECT band, count(*) AS buckets, CAST(sum(size) AS BIGINT) AS pages, max(size) AS largest
FROM buckets
WHERE place = 1 AND size > $max_bucket
GROUP BY band
ORDER BY band
