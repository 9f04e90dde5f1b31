-- Every appearance of a chosen page, with where in the corpus it belongs (0..1).
-- A domain used E times has its k-th epoch in the k-th of E even stretches of the corpus, in an order of its own:
-- repeats come late, proportions hold everywhere. The last, partial epoch takes pages in the order of choice while
-- they fit, so that a larger budget only adds.
-- In: $seed; tables pages, quotas (domain, tokens, available). Makes: appearances.
CREATE TABLE appearances AS
WITH running AS (
    SELECT
        pages.page, pages.doc_id, pages.domain, pages.tokens,
        quotas.tokens // quotas.available AS full_epochs,
        quotas.tokens % quotas.available AS rest,
        quotas.tokens / quotas.available AS epochs,
        sum(pages.tokens) OVER (PARTITION BY pages.domain ORDER BY pages.page) AS tokens_so_far
    FROM pages JOIN quotas USING (domain)
    WHERE quotas.tokens > 0
),
repeated AS (
    SELECT
        page, doc_id, domain, tokens, full_epochs, epochs,
        unnest(range(full_epochs + CASE WHEN tokens_so_far <= rest THEN 1 ELSE 0 END)) AS epoch
    FROM running
),
placed AS (
    SELECT
        page, domain, tokens, epoch, epochs,
        CASE WHEN epoch < full_epochs THEN 1.0 ELSE epochs - full_epochs END AS width,
        ('0x' || left(md5($seed || ':' || doc_id || ':' || epoch), 13))::BIGINT / 4503599627370496.0 AS chance
    FROM repeated
)
SELECT page, domain, tokens, epoch::INTEGER AS epoch, (epoch + chance * width) / epochs AS place
FROM placed
