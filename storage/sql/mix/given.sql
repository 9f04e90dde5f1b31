-- What every domain got: to train on, and held out. In: tables appearances, cuts.
-- Out: domain, tokens, documents, unique_documents, cut_documents, held_out_tokens, held_out_documents.
SELECT
    domain,
    coalesce(sum(coalesce(cuts.tokens, appearances.tokens)) FILTER (NOT held_out), 0)::BIGINT AS tokens,
    count(*) FILTER (NOT held_out) AS documents,
    count(DISTINCT appearances.page) FILTER (NOT held_out) AS unique_documents,
    count(appearances.part) AS cut_documents,
    coalesce(sum(appearances.tokens) FILTER (held_out), 0)::BIGINT AS held_out_tokens,
    count(*) FILTER (held_out) AS held_out_documents
FROM appearances
LEFT JOIN cuts ON appearances.page = cuts.page AND appearances.part = cuts.part
GROUP BY domain
ORDER BY domain
