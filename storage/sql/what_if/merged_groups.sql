-- The groups of `what_if/groups` of several batches of archives as those of all of them.
SELECT
    unjudged,
    {flags},
    sum(pages)::BIGINT AS pages,
    sum(bytes)::BIGINT AS bytes,
    min(example_offset) AS example_offset
FROM rows
GROUP BY ALL
