-- Every page with its rank, the best first, and the rank of the best page of the same normalised text. Settled pages
-- (of earlier crawls, kept there) come before all others.
-- In: $documents (files), $settled (how many of them, from the first, are of earlier crawls; of these the pages in table
-- gone are left out), $exact and $payload (false: every text, every body counts as its own), $prefer (criteria).
-- Out: rank, its key, where its row lies, body (a number for the payload; 0 without), first (= rank: no better page has
-- this text), by rank.
WITH listed AS (
    SELECT
        crawl, archive, "offset", doc_id, text_digest, text_bytes, payload_digest, fetched_at,
        CASE WHEN isnan(quality) THEN NULL ELSE quality END AS quality,
        list_position($documents, filename) - 1 AS file,
        file_row_number AS file_row
    FROM read_parquet($documents, hive_partitioning = false, filename = true, file_row_number = true)
),
measured AS (
    SELECT *, file < $settled AS settled, list_transform($prefer, lambda criterion: CASE criterion
        WHEN 'quality' THEN -quality
        WHEN 'length' THEN -text_bytes
        WHEN 'newest' THEN -epoch_us(fetched_at)
        WHEN 'oldest' THEN epoch_us(fetched_at)
    END::DOUBLE) AS criteria
    FROM listed
    ANTI JOIN gone USING (crawl, archive, "offset")
),
ranked AS (
    SELECT
        row_number() OVER (
            ORDER BY settled DESC, criteria[1] NULLS LAST, criteria[2] NULLS LAST, criteria[3] NULLS LAST,
                criteria[4] NULLS LAST, doc_id, crawl, archive, "offset"
        ) - 1 AS rank,
        *
    FROM measured
)
SELECT
    rank, crawl, archive, "offset", doc_id, text_bytes, file, file_row, settled,
    CASE WHEN $payload AND payload_digest IS NOT NULL THEN ('0x' || left(payload_digest, 16))::UBIGINT ELSE 0 END
        AS body,
    CASE WHEN $exact THEN min(rank) OVER (PARTITION BY text_digest) ELSE rank END AS first
FROM ranked
ORDER BY rank
