-- Ranks after equal neighbours were parted. In: $ranks and $moved_to, lists of one length; table ranks.
UPDATE ranks SET rank = moves.moved_to
FROM (SELECT unnest($ranks::BIGINT[]) AS rank, unnest($moved_to::BIGINT[]) AS moved_to) AS moves
WHERE ranks.rank = moves.rank
