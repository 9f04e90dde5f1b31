-- Survivors that no better page replaces, with their tokens, their bin of quality and their place in the seeded order
-- of choice. Tokens are counted as packing does: $end_tokens more than those of the text. A bin holds an equal part of
-- its domain's tokens, the worst first; -1 where a domain with bins has documents without a quality; else 0. `number`
-- is `split_number` of pipeline/splits.py; none is held out yet.
-- In: $documents (files), $bytes_per_token, $end_tokens, $seed, $held_out_seed; tables duplicates, counts, scores, bins.
-- Fills: pages (page is unique; the documents of a domain and bin are chosen in its order).
INSERT INTO pages
WITH listed AS (
    SELECT
        list_position($documents, filename) - 1 AS file,
        file_row_number AS file_row,
        crawl, archive, "offset", doc_id, domain, quality AS stored, text_bytes
    FROM read_parquet($documents, hive_partitioning = false, filename = true, file_row_number = true)
),
survivors AS (
    SELECT * FROM listed ANTI JOIN duplicates USING (crawl, archive, "offset")
),
numbered AS (
    SELECT
        row_number() OVER (ORDER BY md5($seed || ':' || doc_id), doc_id, crawl, archive, "offset") - 1 AS page,
        survivors.* EXCLUDE (text_bytes, stored),
        coalesce(scores.score, stored) AS quality,
        $end_tokens + coalesce(counts.tokens, greatest(1, round(text_bytes / $bytes_per_token)))::BIGINT AS tokens
    FROM survivors
    LEFT JOIN counts USING (file, file_row)
    LEFT JOIN scores USING (crawl, archive, "offset")
),
ranked AS (
    -- twice the tokens before the middle of a document, and twice those of all: whole numbers
    SELECT
        numbered.*, bins.count AS bins,
        2 * sum(tokens) OVER (PARTITION BY domain, quality IS NULL ORDER BY quality, page) - tokens AS before,
        2 * sum(tokens) OVER (PARTITION BY domain, quality IS NULL) AS of_all
    FROM numbered LEFT JOIN bins USING (domain)
)
SELECT
    page, file, file_row, crawl, archive, "offset", doc_id, domain, quality,
    CASE WHEN bins IS NULL THEN 0 WHEN quality IS NULL THEN -1 ELSE least(bins - 1, before * bins // of_all) END AS bin,
    tokens,
    ('0x' || left(md5($held_out_seed || ':split:' || doc_id), 13))::BIGINT / 4503599627370496.0 AS number,
    false AS held_out
FROM ranked
