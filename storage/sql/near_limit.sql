-- near_limit: pages close to a rule's limit, on either side: those to read before moving it.
-- Near is within a tenth of the limit or, where values are whole numbers, the next one. Of a limit of 0 only the failed
-- side is told: what has none of a thing is not near it. Ask for one rule (WHERE rule = ...): that reads one signal.
-- Columns: rule, knob, side (failed or passed), value, limit_value, distance (relative to the limit; to 1 where it is
-- 0), doc_id, url, crawl, archive, offset, fate.
{queries}
