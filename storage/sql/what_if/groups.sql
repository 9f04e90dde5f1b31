-- Pages that failed the same rules, and would now fail the same of those whose limit changed ({mask}: a bit each).
-- Of each such group the offset of one page, the first in its archive, stands as an example.
SELECT
    fate,
    CASE WHEN dropped_by = 'archive' THEN dropped_by END AS dropped_by,
    failed_rules,
    {mask} AS mask,
    count(*) AS pages,
    sum(length)::BIGINT AS bytes,
    min("offset") AS example_offset
FROM {rows}
GROUP BY ALL
ORDER BY pages DESC, failed_rules, mask, fate
