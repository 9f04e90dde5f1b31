-- alarms: rules of the newest finished run of every recipe that remove more or less than expected, and whose knob to
-- look at. A rule is judged by the share of the pages that reached its stage which failed it, in its interval of
-- 99.7 % (Wilson, z = 3): only an interval that lies wholly outside is an alarm, and none under 200 pages judged.
-- Columns: run_id, recipe, rule, knob, alarm (`less than expected`, `more than expected`: beside the rule's own band;
-- `less than before`, `more than before`: beside at least 3 earlier runs of the recipe's name, their median give or
-- take three robust deviations, a fifth of it or 0.2 %, whichever is most), pages judged, failed, drop_frac, low_frac
-- and high_frac (its interval), expected_low_frac, expected_high_frac, runs (earlier ones compared).
WITH finished AS (
    SELECT *, row_number() OVER (PARTITION BY name ORDER BY finished_at DESC, run_id DESC) AS age
    FROM runs
    WHERE flow = 'corpus' AND state = 'finished' AND judged IS NOT NULL
),
rates AS (
    SELECT run_id, name, age, rule, pages, failed, failed / pages AS rate
    FROM (SELECT run_id, name, age, unnest(judged, recursive := true) FROM finished)
    WHERE pages >= 200
),
medians AS (
    SELECT name, rule, count(*) AS runs, median(rate) AS middle FROM rates WHERE age > 1 GROUP BY name, rule
),
history AS (
    SELECT
        name,
        rule,
        any_value(runs) AS runs,
        any_value(middle) AS middle,
        greatest(3 * 1.4826 * median(abs(rate - middle)), 0.2 * any_value(middle), 0.002) AS spread
    FROM rates
    JOIN medians USING (name, rule)
    WHERE age > 1 AND runs >= 3
    GROUP BY name, rule
),
recorded AS (
    SELECT run_id, unnest(json_transform(
        recipe::JSON -> '$.rules', '[{"name": "VARCHAR", "knob": "VARCHAR", "expected_drop": ["DOUBLE"]}]'
    )) AS rule
    FROM finished
    WHERE age = 1
),
bands AS (
    SELECT rates.*, recorded.rule.knob AS knob,
        recorded.rule.expected_drop[1] AS expected_low, recorded.rule.expected_drop[2] AS expected_high
    FROM rates
    JOIN recorded ON recorded.run_id = rates.run_id AND recorded.rule.name = rates.rule
    WHERE age = 1
),
judged AS (
    SELECT
        *,
        (rate + 9 / (2 * pages) - 3 * sqrt(rate * (1 - rate) / pages + 9 / (4 * pages * pages))) / (1 + 9 / pages)
            AS low,
        (rate + 9 / (2 * pages) + 3 * sqrt(rate * (1 - rate) / pages + 9 / (4 * pages * pages))) / (1 + 9 / pages)
            AS high
    FROM bands
),
raised AS (
    SELECT judged.*, NULL::BIGINT AS runs, expected_low AS floor_frac, expected_high AS ceiling_frac,
        CASE WHEN high < expected_low THEN 'less than expected' WHEN low > expected_high THEN 'more than expected' END
            AS alarm
    FROM judged
    UNION ALL
    SELECT judged.*, history.runs, middle - spread, middle + spread,
        CASE WHEN high < middle - spread THEN 'less than before' WHEN low > middle + spread THEN 'more than before' END
    FROM judged
    JOIN history USING (name, rule)
)
SELECT
    run_id,
    name AS recipe,
    rule,
    knob,
    alarm,
    pages,
    failed,
    rate AS drop_frac,
    low AS low_frac,
    high AS high_frac,
    floor_frac AS expected_low_frac,
    ceiling_frac AS expected_high_frac,
    runs
FROM raised
WHERE alarm IS NOT NULL
ORDER BY recipe, abs(rate - CASE WHEN rate > ceiling_frac THEN ceiling_frac ELSE floor_frac END) DESC, rule, alarm
