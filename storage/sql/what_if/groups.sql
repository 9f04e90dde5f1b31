-- Pages that failed the same rules, and would now fail the same of those whose limit changed: {flags}, as bits.
-- Of each such group the offset of one page, the first in its archive, stands as an example. What no rule judged is
-- counted apart (unjudged).
SELECT
    unjudged,
    {flags},
    count(*) AS pages,
    sum(length)::BIGINT AS bytes,
    min("offset") AS example_offset
FROM rows
GROUP BY ALL
