-- What every domain got. In: tables appearances, cuts.
-- Out: domain, tokens, documents, unique_documents, cut_documents.
SELECT
    domain, sum(coalesce(cuts.tokens, appearances.tokens))::BIGINT AS tokens, count(*) AS documents,
    count(DISTINCT appearances.page) AS unique_documents, count(appearances.part) AS cut_documents
FROM appearances
LEFT JOIN cuts ON appearances.page = cuts.page AND appearances.part = cuts.part
GROUP BY domain
ORDER BY domain
