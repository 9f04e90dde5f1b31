-- What every domain got. In: table appearances. Out: domain, tokens, documents, unique_documents.
SELECT
    domain, sum(tokens)::BIGINT AS tokens, count(*) AS documents, count(DISTINCT page) AS unique_documents
FROM appearances
GROUP BY domain
ORDER BY domain
