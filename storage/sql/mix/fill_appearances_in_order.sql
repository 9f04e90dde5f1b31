-- Every page once, in archive order. In: table pages. Makes: appearances.
CREATE TABLE appearances AS
SELECT
    page, domain, tokens, NULL::BIGINT AS part, held_out,
    row_number() OVER (ORDER BY crawl, archive, "offset")::DOUBLE AS place,
    0::INTEGER AS epoch
FROM pages
