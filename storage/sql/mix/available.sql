-- What every domain has to train on in each bin of quality. In: table pages. Out: domain, bin, tokens.
SELECT domain, bin, coalesce(sum(tokens) FILTER (NOT held_out), 0)::BIGINT AS tokens
FROM pages
GROUP BY domain, bin
ORDER BY domain, bin
