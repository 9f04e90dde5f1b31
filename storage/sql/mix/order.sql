-- The pages in corpus order. In: table appearances. Out: page.
SELECT page FROM appearances ORDER BY place, page, epoch
