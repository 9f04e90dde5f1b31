-- examples: for every rule a few pages on either side of it, those nearest its limit first.
-- They are drawn from whole archives, spread over the lake, of {pages:,} pages or a little more together; a rule that
-- fails too rarely to be met there has its failed pages from everywhere. Where none is near, pages that failed it are
-- drawn from the commonest sets of rules that fail together, and pages that passed it from the kept ones.
-- Columns: rule, side (failed or passed), place (1 to 3), value and distance (null: not near, see near_limit), doc_id,
-- url, crawl, archive, offset, fate.
WITH every_page AS NOT MATERIALIZED (
    FROM pages
),
drawn AS MATERIALIZED (
    SELECT * FROM {sample}
),
near AS (
    WITH pages AS NOT MATERIALIZED (FROM drawn)
    {queries}
),
sets AS (
    SELECT
        failed_rules,
        count(*) AS pages,
        arg_min({{'doc_id': doc_id, 'url': url, 'crawl': crawl, 'archive': archive, 'offset': "offset", 'fate': fate}},
            hash(doc_id, archive, "offset")) AS page
    FROM drawn
    WHERE len(failed_rules) > 0
    GROUP BY failed_rules
    UNION ALL
    SELECT
        failed_rules,
        0 AS pages,
        {{'doc_id': doc_id, 'url': url, 'crawl': crawl, 'archive': archive, 'offset': "offset", 'fate': fate}} AS page
    FROM every_page
    WHERE {rarely}
),
failed AS (
    SELECT unnest(failed_rules) AS rule, pages, page FROM sets
),
kept AS (
    SELECT doc_id, url, crawl, archive, "offset", fate
    FROM drawn
    WHERE fate = 'kept'
    ORDER BY hash(doc_id, archive, "offset"), doc_id
    LIMIT 3
),
named AS (
    SELECT rule FROM state.rules
    UNION
    SELECT rule FROM failed
),
candidates AS (
    SELECT rule, side, value, distance, 0 AS pages, doc_id, url, crawl, archive, "offset", fate FROM near
    UNION ALL
    SELECT rule, 'failed', NULL, NULL, pages, page.doc_id, page.url, page.crawl, page.archive, page."offset", page.fate
    FROM failed
    UNION ALL
    SELECT rule, 'passed', NULL, NULL, 0, kept.* FROM named CROSS JOIN kept
),
told AS (
    -- a page that is near is a candidate twice
    SELECT rule, side, crawl, archive, "offset", max(value) AS value, min(distance) AS distance, max(pages) AS pages,
        any_value(doc_id) AS doc_id, any_value(url) AS url, any_value(fate) AS fate
    FROM candidates
    GROUP BY rule, side, crawl, archive, "offset"
),
placed AS (
    SELECT *, row_number() OVER (
        PARTITION BY rule, side
        ORDER BY distance NULLS LAST, pages DESC, hash(doc_id, archive, "offset"), crawl, archive, "offset"
    ) AS place
    FROM told
)
SELECT rule, side, place, value, distance, doc_id, url, crawl, archive, "offset", fate
FROM placed
WHERE place <= 3
ORDER BY rule, side, place
