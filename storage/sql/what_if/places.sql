-- Of each group of `what_if/groups` whose pages could move the first {most}, in the order of `what_if/page`.
SELECT
    {flags},
    min({{'hash': hash("offset"), 'archive': archive_number, 'offset': "offset"}}, {most}) AS places
FROM rows
WHERE unjudged = 0 AND {moved}
GROUP BY ALL
