-- Pages of several groups, group by group: `what_if/page` of each.
FROM ({groups})
ORDER BY number, hash("offset"), crawl, archive, "offset"
