-- rule_overlap: for every two rules, how many pages fail both; a pair that always fails together is one too many.
-- Columns: rule, other, rule_pages, other_pages, both_pages, jaccard of the two sets of pages, 0..1.
WITH failed AS (
    -- far fewer sets of rules than pages: what follows is counted over those
    SELECT failed_rules, count(*) AS pages FROM pages WHERE len(failed_rules) > 0 GROUP BY failed_rules
),
single AS (
    SELECT rule, sum(pages)::BIGINT AS pages
    FROM (SELECT unnest(failed_rules) AS rule, pages FROM failed)
    GROUP BY rule
),
pairs AS (
    -- unnested twice and not joined with its own list, which takes twenty times as long
    SELECT rule, other, sum(pages)::BIGINT AS pages
    FROM (
        SELECT rule, unnest(failed_rules) AS other, pages
        FROM (SELECT failed_rules, unnest(failed_rules) AS rule, pages FROM failed)
    )
    WHERE rule < other
    GROUP BY rule, other
)
SELECT
    pairs.rule,
    pairs.other,
    a.pages AS rule_pages,
    b.pages AS other_pages,
    pairs.pages AS both_pages,
    pairs.pages / (a.pages + b.pages - pairs.pages) AS jaccard
FROM pairs
JOIN single AS a ON a.rule = pairs.rule
JOIN single AS b ON b.rule = pairs.other
ORDER BY both_pages DESC, pairs.rule, pairs.other
