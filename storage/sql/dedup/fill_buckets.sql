-- The pages of each bucket (same key in the same band) that holds several, in order of rank.
-- In: $bands and $pages (files), $low and $high (bands, low inclusive, high exclusive).
-- Out: table buckets: band, band_key, rank, place (1 is the best page of the bucket), size of the bucket.
CREATE OR REPLACE TABLE buckets AS
SELECT
    keys.band,
    keys.band_key,
    pages.rank,
    row_number() OVER (PARTITION BY keys.band, keys.band_key ORDER BY pages.rank) AS place,
    count(*) OVER (PARTITION BY keys.band, keys.band_key) AS size
FROM read_parquet($bands) AS keys
JOIN read_parquet($pages) AS pages USING (crawl, archive, "offset")
WHERE keys.band >= $low AND keys.band < $high AND pages.first = pages.rank
QUALIFY size > 1
