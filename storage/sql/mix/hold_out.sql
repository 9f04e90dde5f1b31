-- Marks the documents that no training sees. In: $domain, $bin, $bound: lists of one length; table pages.
UPDATE pages SET held_out = true
FROM (
    SELECT unnest($domain::VARCHAR[]) AS domain, unnest($bin::BIGINT[]) AS bin, unnest($bound::DOUBLE[]) AS bound
) AS bounds
WHERE pages.domain = bounds.domain AND pages.bin = bounds.bin AND pages.number < bounds.bound
