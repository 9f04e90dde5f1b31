-- Every appearance of a chosen page, with where in the corpus it belongs (0..1).
-- A bin used E times has each page floor(E) times, and once more the first pages in the order of choice, whose tokens
-- make up the rest: a larger budget only adds. The last of them may come only in part (`part` tokens of it; else null).
-- The appearances of a page used n times are 1/n of the corpus apart, give or take a tenth of that, so that they do
-- not meet the same neighbours: every page is as likely to be anywhere, and proportions hold everywhere.
-- In: $seed, $least_part (fewest tokens of a part; null takes whole documents only); tables pages, quotas.
-- Makes: appearances.
CREATE TABLE appearances AS
WITH running AS (
    SELECT
        pages.page, pages.doc_id, pages.domain, pages.tokens,
        quotas.tokens // quotas.available AS full_epochs,
        quotas.tokens % quotas.available AS rest,
        sum(pages.tokens) OVER (PARTITION BY pages.domain, pages.bin ORDER BY pages.page) AS tokens_so_far
    FROM pages JOIN quotas USING (domain, bin)
    WHERE quotas.tokens > 0
),
chosen AS (
    SELECT
        page, doc_id, domain, tokens, full_epochs,
        greatest(0, least(tokens, rest - tokens_so_far + tokens))::BIGINT AS once_more
    FROM running
),
counted AS (
    SELECT
        page, doc_id, domain, tokens,
        CASE WHEN once_more < tokens THEN once_more END AS part,
        full_epochs + CASE WHEN once_more >= least(tokens, coalesce($least_part, tokens)) THEN 1 ELSE 0 END AS times,
        full_epochs
    FROM chosen
),
repeated AS (
    SELECT
        page, doc_id, domain, tokens, times, unnest(range(times)) AS number,
        CASE WHEN times > full_epochs THEN part END AS last_part
    FROM counted
),
thrown AS (
    SELECT
        page, domain, tokens, times, number,
        CASE WHEN number = times - 1 THEN last_part END AS part,
        ('0x' || left(md5($seed || ':place:' || doc_id), 13))::BIGINT / 4503599627370496.0 AS chance,
        ('0x' || left(md5($seed || ':near:' || doc_id || ':' || number), 13))::BIGINT / 4503599627370496.0 AS near
    FROM repeated
),
placed AS (
    SELECT page, domain, tokens, part, number, (number + chance + near / 10) / times AS place FROM thrown
)
SELECT
    page, domain, coalesce(part, tokens) AS tokens, part, place - floor(place) AS place,
    row_number() OVER (PARTITION BY page ORDER BY place - floor(place), number)::INTEGER - 1 AS epoch
FROM placed
