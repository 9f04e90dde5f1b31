-- near_limit: pages close to a rule's limit, on either side: those to read before moving it.
-- Near is within a tenth of the limit or, where values are whole numbers, the next one. Of a limit of 0 only the failed
-- side is told: what has none of a thing is not near it.
-- Columns: rule, knob, side (failed or passed), value, limit_value, distance (relative to the limit; to 1 where it is
-- 0), doc_id, url, crawl, archive, offset, fate.
WITH near AS (
    SELECT doc_id, url, crawl, archive, "offset", fate, failed_rules, {signals}
    FROM pages
    WHERE {near}
),
measured AS (
    UNPIVOT near ON {names} INTO NAME signal VALUE value
),
limits AS (
    SELECT run_id, rule, signal, knob, low AS limit_value FROM state.rules WHERE low IS NOT NULL
    UNION ALL
    SELECT run_id, rule, signal, knob, high FROM state.rules WHERE high IS NOT NULL
)
SELECT
    limits.rule,
    limits.knob,
    CASE WHEN list_contains(failed_rules, limits.rule) THEN 'failed' ELSE 'passed' END AS side,
    value,
    limit_value,
    abs(value - limit_value) / CASE limit_value WHEN 0 THEN 1 ELSE abs(limit_value) END AS distance,
    doc_id,
    url,
    measured.crawl,
    measured.archive,
    "offset",
    fate
FROM measured
JOIN limits USING (signal)
JOIN state.archives AS current
    ON measured.crawl = current.crawl AND measured.archive = current.archive AND limits.run_id = current.run_id
WHERE
    (limit_value <> 0 OR value <> 0)
    AND (
        abs(value - limit_value) <= {frac} * abs(limit_value)
        OR (abs(value - limit_value) <= 1 AND value = floor(value) AND limit_value = floor(limit_value))
    )
