-- fertility: how finely the tokenizer of each token set cuts its domains and languages.
-- Columns: corpus, fingerprint (of the token set), then `FERTILITY` in storage/schema.py.
SELECT * FROM {rows}
