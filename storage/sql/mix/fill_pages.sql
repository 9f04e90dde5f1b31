-- Survivors that no better page replaces, with their tokens and their place in the seeded order of choice.
-- In: $documents (files), $bytes_per_token, $seed; tables duplicates, counts.
-- Fills: pages (page is unique; a domain's documents are chosen in its order).
INSERT INTO pages
WITH listed AS (
    SELECT
        list_position($documents, filename) - 1 AS file,
        file_row_number AS file_row,
        crawl, archive, "offset", doc_id, domain, text_bytes
    FROM read_parquet($documents, hive_partitioning = false, filename = true, file_row_number = true)
),
survivors AS (
    SELECT * FROM listed ANTI JOIN duplicates USING (crawl, archive, "offset")
)
SELECT
    row_number() OVER (ORDER BY md5($seed || ':' || doc_id), doc_id, crawl, archive, "offset") - 1 AS page,
    file, file_row, crawl, archive, "offset", doc_id, domain,
    coalesce(counts.tokens, greatest(1, round(text_bytes / $bytes_per_token)))::BIGINT AS tokens
FROM survivors LEFT JOIN counts USING (file, file_row)
