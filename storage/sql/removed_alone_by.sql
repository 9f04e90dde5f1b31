-- removed_alone_by: for every rule, the pages that failed it, that it failed first, and that it alone removed.
-- Columns: rule, failed_pages, first_pages, alone_pages, alone_bytes; alone_frac of failed_pages, 0..1.
-- The last three say what moving its limit could bring back without touching another rule.
WITH failures AS (
    SELECT
        unnest(failed_rules) AS rule,
        dropped_by_rule,
        len(failed_rules) = 1 AS alone,
        length
    FROM pages
)
SELECT
    rule,
    count(*) AS failed_pages,
    count(*) FILTER (rule = dropped_by_rule) AS first_pages,
    count(*) FILTER (alone) AS alone_pages,
    coalesce(sum(length) FILTER (alone), 0)::BIGINT AS alone_bytes,
    alone_pages / failed_pages AS alone_frac
FROM failures
GROUP BY rule
ORDER BY failed_pages DESC, rule
