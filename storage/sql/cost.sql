-- cost: what each stage cost, added up over archives. Stage `all` is the whole step, its other stages part of it.
-- Columns: step, stage, rows and bytes that reached it, cpu_seconds, wall_seconds (null: not taken),
-- rows_per_cpu_second, step_frac of the step's CPU time, 0..1.
WITH summed AS (
    SELECT
        step,
        stage,
        sum(rows)::BIGINT AS rows,
        sum(bytes)::BIGINT AS bytes,
        sum(cpu_seconds) AS cpu_seconds,
        sum(wall_seconds) AS wall_seconds
    FROM costs
    GROUP BY step, stage
),
whole AS (
    SELECT step, cpu_seconds FROM summed WHERE stage = 'all'
)
SELECT
    summed.*,
    rows / nullif(summed.cpu_seconds, 0) AS rows_per_cpu_second,
    summed.cpu_seconds / nullif(whole.cpu_seconds, 0) AS step_frac
FROM summed
LEFT JOIN whole USING (step)
ORDER BY step, stage = 'all', summed.cpu_seconds DESC, stage
