-- Pages that failed the same rules, and would now fail the same of those whose limit changed ({mask}: a bit each).
-- Of each such group the offset of one page, the first in its archive, stands as an example. What no rule judged is
-- counted apart (unjudged: read, of unreadable spans, or archive, of refused records).
SELECT
    CASE WHEN fate = 'unreadable' THEN 'read' WHEN dropped_by = 'archive' THEN 'archive' END AS unjudged,
    failed_rules,
    {mask} AS mask,
    count(*) AS pages,
    sum(length)::BIGINT AS bytes,
    min("offset") AS example_offset
FROM {rows}
GROUP BY ALL
