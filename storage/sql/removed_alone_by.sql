-- removed_alone_by: for every rule, the pages that failed it, that it failed first, and that it alone removed.
-- Columns: rule, knob (recipe keys that move it), gate (who fails it was measured no further, so that it stands alone
-- more often), failed_pages, first_pages, alone_pages, alone_bytes; alone_frac of failed_pages, 0..1 (null: none).
-- The last three say what moving its limit could bring back without touching another rule; a rule of zeros does nothing.
WITH sets AS (
    SELECT failed_rules, count(*) AS pages, sum(length) AS bytes FROM pages GROUP BY failed_rules
),
failures AS (
    SELECT
        unnest(failed_rules) AS rule,
        failed_rules[1] AS first_rule,
        len(failed_rules) = 1 AS alone,
        pages,
        bytes
    FROM sets
),
counted AS (
    SELECT
        rule,
        sum(pages) AS failed_pages,
        sum(pages) FILTER (rule = first_rule) AS first_pages,
        sum(pages) FILTER (alone) AS alone_pages,
        sum(bytes) FILTER (alone) AS alone_bytes
    FROM failures
    GROUP BY rule
),
known AS (
    SELECT rule, any_value(knob) AS knob, bool_or(gate) AS gate FROM state.rules GROUP BY rule
)
SELECT
    rule,
    knob,
    coalesce(gate, false) AS gate,
    coalesce(failed_pages, 0)::BIGINT AS failed_pages,
    coalesce(first_pages, 0)::BIGINT AS first_pages,
    coalesce(alone_pages, 0)::BIGINT AS alone_pages,
    coalesce(alone_bytes, 0)::BIGINT AS alone_bytes,
    counted.alone_pages / nullif(counted.failed_pages, 0) AS alone_frac
FROM counted
FULL JOIN known USING (rule)
ORDER BY counted.failed_pages DESC NULLS LAST, rule
