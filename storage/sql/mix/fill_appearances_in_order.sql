-- Every page once, in archive order. In: table pages. Makes: appearances.
CREATE TABLE appearances AS
SELECT
    page, domain, tokens, 0::INTEGER AS epoch,
    row_number() OVER (ORDER BY crawl, archive, "offset")::DOUBLE AS place
FROM pages
