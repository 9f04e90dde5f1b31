-- Every appearance of a chosen page, with where in the corpus it belongs (0..1).
-- A bin used E times has each page floor(E) times, and once more the first pages in the order of choice, whose tokens
-- make up the rest: a larger budget only adds. The last of them may come only in part (`part` tokens of it; else null).
-- The appearances of a page used n times are 1/n of the corpus apart, give or take a tenth of that, so that they do
-- not meet the same neighbours: every page is as likely to be anywhere, and proportions hold everywhere.
-- Held-out pages come whole, once, beside the quotas: of every bin those as early in the order of choice as what is
-- trained on, and of every domain the first $least_held_out, but no more than a tenth of what is trained on.
-- In: $seed, $least_part (fewest tokens of a part; null takes whole documents only), $least_held_out; tables pages, quotas.
-- Makes: appearances.
CREATE TABLE appearances AS
WITH running AS (
    SELECT
        pages.page, pages.doc_id, pages.domain, pages.bin, pages.tokens,
        quotas.tokens // quotas.available AS full_epochs,
        quotas.tokens % quotas.available AS rest,
        sum(pages.tokens) OVER (PARTITION BY pages.domain, pages.bin ORDER BY pages.page) AS tokens_so_far
    FROM pages JOIN quotas USING (domain, bin)
    WHERE quotas.tokens > 0 AND NOT pages.held_out
),
chosen AS (
    SELECT
        page, doc_id, domain, bin, tokens, full_epochs,
        greatest(0, least(tokens, rest - tokens_so_far + tokens))::BIGINT AS once_more
    FROM running
),
counted AS (
    SELECT
        page, doc_id, domain, bin, tokens,
        CASE WHEN once_more < tokens THEN once_more END AS part,
        full_epochs + CASE WHEN once_more >= least(tokens, coalesce($least_part, tokens)) THEN 1 ELSE 0 END AS times,
        full_epochs
    FROM chosen
),
reached AS (
    SELECT
        domain, bin,
        max(CASE WHEN full_epochs > 0 THEN 9223372036854775807 WHEN times > 0 THEN page ELSE -1 END) AS page
    FROM counted
    GROUP BY domain, bin
),
wanted AS (
    SELECT domain, least($least_held_out, count(*) FILTER (times > 0) // 10) AS documents FROM counted GROUP BY domain
),
numbered AS (
    SELECT page, doc_id, domain, bin, tokens, row_number() OVER (PARTITION BY domain ORDER BY page) AS number
    FROM pages
    WHERE held_out
),
repeated AS (
    SELECT
        page, doc_id, domain, tokens, times, unnest(range(times)) AS number,
        CASE WHEN times > full_epochs THEN part END AS last_part, false AS held_out
    FROM counted
    UNION ALL
    SELECT numbered.page, doc_id, domain, tokens, 1, 0, NULL, true
    FROM numbered
    JOIN wanted USING (domain)
    LEFT JOIN reached USING (domain, bin)
    WHERE numbered.page <= reached.page OR number <= wanted.documents
),
thrown AS (
    SELECT
        page, domain, tokens, times, number, held_out,
        CASE WHEN number = times - 1 THEN last_part END AS part,
        ('0x' || left(md5($seed || ':place:' || doc_id), 13))::BIGINT / 4503599627370496.0 AS chance,
        ('0x' || left(md5($seed || ':near:' || doc_id || ':' || number), 13))::BIGINT / 4503599627370496.0 AS near
    FROM repeated
),
placed AS (
    SELECT page, domain, tokens, part, held_out, number, (number + chance + near / 10) / times AS place FROM thrown
)
SELECT
    page, domain, coalesce(part, tokens) AS tokens, part, held_out, place - floor(place) AS place,
    row_number() OVER (PARTITION BY page ORDER BY place - floor(place), number)::INTEGER - 1 AS epoch
FROM placed
