-- funnel: what each stage was given and what it let through, in the order a page meets them.
-- Columns: position, stage; pages_in, dropped, pages_out; kept_frac of what came in and of_all_frac of all
-- pages read, 0..1; bytes_in, dropped_bytes, bytes_out (of records; null for a mix, which repeats documents).
-- A page counts at the first stage that failed it. `read` loses unreadable spans, `archive` refuses records.
WITH lost AS (
    SELECT
        CASE fate WHEN 'unreadable' THEN 'read' WHEN 'duplicate' THEN dropped_by_rule ELSE dropped_by END AS stage,
        count(*) AS pages,
        sum(length)::BIGINT AS bytes
    FROM ledger
    WHERE fate <> 'kept'
    GROUP BY stage
),
listed AS (
    SELECT unnest(stages) AS stage, generate_subscripts(stages, 1) AS place FROM archives
),
named AS (
    SELECT stage, place FROM (VALUES ('read', -2), ('archive', -1)) AS fixed (stage, place)
    UNION ALL
    SELECT stage, place FROM listed
    UNION ALL
    SELECT 'dedup.' || kind, 1000000 + place
    FROM (VALUES ('exact', 0), ('payload', 1), ('near', 2), ('span', 3)) AS kinds (kind, place)
    WHERE EXISTS (FROM state.steps WHERE step = 'dedup')
        AND (kind IN ('exact', 'near') OR EXISTS (FROM lost WHERE stage = 'dedup.' || kind))
    UNION ALL
    SELECT stage, 999999 FROM lost
),
ordered AS (
    -- sources of other domains go through fewer stages: the longest way says the order
    SELECT stage, max(place) FILTER (place <> 999999) AS place FROM named GROUP BY stage
),
everything AS (
    SELECT count(*) AS pages, coalesce(sum(length), 0)::BIGINT AS bytes FROM pages
),
judged AS (
    SELECT
        row_number() OVER in_order AS position,
        stage,
        coalesce(lost.pages, 0) AS dropped,
        coalesce(lost.bytes, 0) AS dropped_bytes,
        everything.pages AS all_pages,
        everything.pages - (sum(coalesce(lost.pages, 0)) OVER in_order)::BIGINT AS pages_out,
        everything.bytes - (sum(coalesce(lost.bytes, 0)) OVER in_order)::BIGINT AS bytes_out
    FROM ordered
    LEFT JOIN lost USING (stage)
    CROSS JOIN everything
    WINDOW in_order AS (ORDER BY coalesce(place, 999999), stage ROWS UNBOUNDED PRECEDING)
),
mixed AS (
    SELECT 'mix:' || corpus AS stage, sum(unique_documents + coalesce(held_out_documents, 0))::BIGINT AS pages FROM mixture GROUP BY corpus
),
told AS (
    SELECT position, stage, pages_out + dropped AS pages_in, dropped, pages_out, all_pages,
        bytes_out + dropped_bytes AS bytes_in, dropped_bytes, bytes_out
    FROM judged
    UNION ALL
    SELECT last.position + 1, mixed.stage, last.pages_out, last.pages_out - mixed.pages, mixed.pages,
        last.all_pages, NULL, NULL, NULL
    FROM mixed
    CROSS JOIN (SELECT position, pages_out, all_pages FROM judged ORDER BY position DESC LIMIT 1) AS last
)
SELECT
    position,
    stage,
    pages_in,
    dropped,
    pages_out,
    pages_out / nullif(pages_in, 0) AS kept_frac,
    pages_out / nullif(all_pages, 0) AS of_all_frac,
    bytes_in,
    dropped_bytes,
    bytes_out
FROM told
ORDER BY position, stage
