-- The corpus, row by row. In: $documents (files), $end_tokens; tables ranks, pages, cuts.
-- Out: CORPUS of storage/schema.py, in order.
WITH texts AS (
    SELECT *, list_position($documents, filename) - 1 AS file, file_row_number AS file_row
    FROM read_parquet($documents, hive_partitioning = false, filename = true, file_row_number = true)
)
SELECT
    coalesce(cuts.text, texts.text) AS text, texts.doc_id AS id, texts.crawl AS dump, texts.url,
    strftime(texts.fetched_at AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ') AS date,
    texts.archive AS file_path, texts.language, texts.language_prob AS language_score,
    coalesce(cuts.tokens, pages.tokens) - $end_tokens AS token_count,
    texts.domain, pages.quality, ranks.epoch,
    CASE WHEN pages.held_out THEN 'held_out' ELSE 'train' END AS split
FROM ranks
JOIN pages USING (page)
JOIN texts USING (file, file_row)
LEFT JOIN cuts ON ranks.page = cuts.page AND ranks.part = cuts.part
ORDER BY ranks.rank
