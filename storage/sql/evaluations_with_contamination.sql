-- evaluations_with_contamination: one row a benchmark's score, and beside it how much of that benchmark was found in the
-- pages the corpus is made of, and how much of that was removed. Columns of `evaluations`, then those of
-- `benchmark_contamination`; the latter are null where no benchmark of the name in `part` was looked for, which is not
-- the same as none found.
SELECT
    evaluations.*,
    found.items,
    found.short_items,
    found.found_items,
    found.removed_items,
    found.remaining_items,
    found.found_frac,
    found.dropped_pages,
    found.cut_pages,
    found.max_remaining_score
FROM evaluations LEFT JOIN benchmark_contamination AS found ON found.benchmark = evaluations.part
WHERE evaluations.kind = 'benchmark'
ORDER BY evaluations.finished_at DESC, evaluations.name, evaluations.part, evaluations.metric, evaluations.evaluation_id
