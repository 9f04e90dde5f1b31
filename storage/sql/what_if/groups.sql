-- Pages that failed the same rules, and would now fail the same of those whose limit changed ({mask}: a bit each).
-- Of each such group one page, drawn by the hash of its offset, stands as an example.
SELECT
    fate,
    CASE WHEN dropped_by = 'archive' THEN dropped_by END AS dropped_by,
    failed_rules,
    {mask} AS mask,
    count(*) AS pages,
    sum(length)::BIGINT AS bytes,
    arg_min(archive, hash("offset")) AS example_archive,
    arg_min("offset", hash("offset")) AS example_offset
FROM {rows}
GROUP BY ALL
