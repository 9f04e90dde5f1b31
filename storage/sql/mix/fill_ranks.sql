-- The corpus order as numbers. In: table appearances. Makes: ranks.
CREATE TABLE ranks AS
SELECT row_number() OVER (ORDER BY place, page, epoch) - 1 AS rank, page, epoch, part FROM appearances
