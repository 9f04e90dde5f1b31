-- What every domain has in each bin of quality. In: table pages. Out: domain, bin, tokens, documents.
SELECT domain, bin, sum(tokens)::BIGINT AS tokens, count(*) AS documents
FROM pages
GROUP BY domain, bin
ORDER BY domain, bin
