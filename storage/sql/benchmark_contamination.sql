-- benchmark_contamination: one row a benchmark: how many of its items were found in the pages and how many of those are
-- gone from all of them. This is what stands beside an evaluation's score. A benchmark that was looked for and not found
-- has zeros; one that was never looked for has no row.
WITH known AS (
    SELECT benchmark, max(items) AS items, max(short_items) AS short_items FROM benchmarks GROUP BY benchmark
)
SELECT
    known.benchmark,
    any_value(known.items) AS items,
    any_value(known.short_items) AS short_items,
    count(found.item) AS found_items,
    count(CASE WHEN found.kept_pages = 0 THEN 1 END) AS removed_items,
    count(CASE WHEN found.kept_pages > 0 THEN 1 END) AS remaining_items,
    count(found.item) / greatest(any_value(known.items), 1) AS found_frac,
    coalesce(sum(found.dropped_pages), 0)::BIGINT AS dropped_pages,
    coalesce(sum(found.cut_pages), 0)::BIGINT AS cut_pages,
    max(found.max_kept_score) AS max_remaining_score
FROM known LEFT JOIN contaminated_items AS found ON found.benchmark = known.benchmark
GROUP BY known.benchmark
ORDER BY known.benchmark
