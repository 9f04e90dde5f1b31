-- What every domain has. In: table pages. Out: domain, tokens, documents.
SELECT domain, sum(tokens)::BIGINT AS tokens, count(*) AS documents
FROM pages
GROUP BY domain
ORDER BY domain
