-- The lowest places in the draw of held-out documents. In: $most (how many of each); table pages.
-- Out: domain, bin, documents, smallest (list, sorted).
SELECT domain, bin, count(*) AS documents, min(number, $most) AS smallest
FROM pages
GROUP BY domain, bin
ORDER BY domain, bin
