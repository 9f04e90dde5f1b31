-- Domains whose documents are used by quality, and in how many bins. In: $domain, $count: lists; table bins.
INSERT INTO bins SELECT unnest($domain::VARCHAR[]), unnest($count::BIGINT[])
