-- What every bin of a domain shall get. In: $domain, $bin, $tokens, $available: lists of one length; table quotas.
INSERT INTO quotas
SELECT unnest($domain::VARCHAR[]), unnest($bin::BIGINT[]), unnest($tokens::BIGINT[]), unnest($available::BIGINT[])
