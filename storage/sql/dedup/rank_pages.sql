-- Every page with its rank, the best first, and the rank of the best page of the same normalised text.
-- In: $documents (files), $exact (false: every text counts as its own).
-- Out: rank, its key, where its row lies, first (= rank: no better page has this text), by rank.
WITH ranked AS (
    SELECT
        row_number() OVER (
            ORDER BY CASE WHEN isnan(quality) THEN NULL ELSE quality END DESC NULLS LAST,
                     text_bytes DESC, doc_id, crawl, archive, "offset"
        ) - 1 AS rank,
        crawl, archive, "offset", doc_id, text_digest, text_bytes,
        list_position($documents, filename) - 1 AS file,
        file_row_number AS file_row
    FROM read_parquet($documents, filename = true, file_row_number = true)
)
SELECT
    rank, crawl, archive, "offset", doc_id, text_bytes, file, file_row,
    CASE WHEN $exact THEN min(rank) OVER (PARTITION BY text_digest) ELSE rank END AS first
FROM ranked
ORDER BY rank
