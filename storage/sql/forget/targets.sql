-- Ledger rows that a request to forget names, or whose host may be under one of its hosts.
-- In: $pages (files), $hosts, $urls, $docs (lists). Out: doc_id, crawl, archive, offset, url, fate, host; named (true:
-- by its doc_id or URL).
SELECT
    doc_id, crawl, archive, "offset", url, fate, host,
    list_contains($docs::VARCHAR[], doc_id) OR coalesce(list_contains($urls::VARCHAR[], url), false) AS named
FROM read_parquet($pages, union_by_name = true, hive_partitioning = false)
WHERE list_contains($docs::VARCHAR[], doc_id)
    OR list_contains($urls::VARCHAR[], url)
    OR len(list_filter($hosts::VARCHAR[], lambda name: ends_with(host, name))) > 0
ORDER BY ALL
