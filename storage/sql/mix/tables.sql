-- The tables that a mixture may have no rows for.
CREATE TABLE duplicates (crawl VARCHAR, archive VARCHAR, "offset" BIGINT);
CREATE TABLE counts (file BIGINT, file_row BIGINT, tokens BIGINT);
CREATE TABLE scores (crawl VARCHAR, archive VARCHAR, "offset" BIGINT, score DOUBLE);
CREATE TABLE bins (domain VARCHAR, count BIGINT);
CREATE TABLE quotas (domain VARCHAR, bin BIGINT, tokens BIGINT, available BIGINT);
CREATE TABLE cuts (page BIGINT, part BIGINT, text VARCHAR, tokens BIGINT);
CREATE TABLE pages (
    page BIGINT, file BIGINT, file_row BIGINT, crawl VARCHAR, archive VARCHAR, "offset" BIGINT, doc_id VARCHAR,
    domain VARCHAR, quality DOUBLE, bin BIGINT, tokens BIGINT, number DOUBLE, held_out BOOLEAN
);
