-- Exact token counts of some rows of a documents file. In: $file, $first (row), $tokens (list); table counts.
INSERT INTO counts
SELECT $file, $first + unnest(range(len($tokens::BIGINT[]))), unnest($tokens::BIGINT[])
