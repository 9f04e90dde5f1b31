-- What every domain shall get. In: $domain, $tokens, $available: lists of one length; table quotas.
INSERT INTO quotas SELECT unnest($domain::VARCHAR[]), unnest($tokens::BIGINT[]), unnest($available::BIGINT[])
