"""What is in the corpus: domains asked for and given, and pages, documents and tokens by domain, language and crawl."""

from __future__ import annotations

from collections.abc import Sequence

from flows.report.bars import paired_bars
from flows.report.figures import Column, Figure, Section, tabled
from flows.report.interactive import Widget
from flows.report.source import Row, Source
from flows.report.words import plural, short

MIXTURE = """\
SELECT mixture.* FROM mixture
JOIN (
    SELECT key, fingerprint FROM steps WHERE step = 'mix' ORDER BY finished_at DESC, fingerprint LIMIT 1
) AS newest ON mixture.corpus = newest.key AND mixture.fingerprint = newest.fingerprint
ORDER BY asked_frac DESC, domain"""
PARTS = """\
WITH newest AS (
    SELECT fingerprint FROM steps WHERE step = 'mix' ORDER BY finished_at DESC, fingerprint LIMIT 1
), counted AS (
    SELECT domain, language, crawl, count(*) AS pages, count(*) FILTER (fate = 'kept') AS kept,
        sum(length)::BIGINT AS bytes, 0 AS documents, 0 AS tokens
    FROM ledger GROUP BY ALL
    UNION ALL
    SELECT domain, language, dump, 0, 0, 0, count(*), sum(token_count)::BIGINT
    FROM corpus WHERE fingerprint IN (SELECT fingerprint FROM newest) GROUP BY ALL
), grouped AS (
    SELECT domain, language, crawl, sum(pages) AS pages, sum(kept) AS kept, sum(bytes) AS bytes,
        sum(documents) AS documents, sum(tokens) AS tokens
    FROM counted GROUP BY ALL
), ranked AS (
    SELECT *, row_number() OVER (ORDER BY pages + documents DESC, domain, language, crawl) > {most} AS small
    FROM grouped
)
SELECT if(small, 'others', domain) AS domain, if(small, 'others', language) AS language,
    if(small, 'others', crawl) AS crawl, sum(pages)::BIGINT AS pages, sum(kept)::BIGINT AS kept,
    sum(bytes)::BIGINT AS bytes, sum(documents)::BIGINT AS documents, sum(tokens)::BIGINT AS tokens
FROM ranked GROUP BY ALL ORDER BY pages DESC, tokens DESC, domain, language, crawl"""
"""`most` groups by themselves, the smaller ones as one."""
MOST_GROUPS = 3000

DIMENSIONS = (("domain", "Domain"), ("language", "Language"), ("crawl", "Crawl"))
MEASURES = (
    ("tokens", "tokens in the corpus", "count"),
    ("documents", "documents in the corpus", "count"),
    ("kept", "pages kept", "count"),
    ("pages", "pages read", "count"),
    ("bytes", "bytes of records read", "bytes"),
)


def composition_section(source: Source) -> Section:
    """Domains asked for and given, and what is of which domain, language and crawl."""
    mixture, parts = source.rows(MIXTURE), source.rows(PARTS.format(most=MOST_GROUPS))
    figures = (*_domains(mixture), *_parts(parts))
    if not figures:
        return Section("composition", "Composition", "No corpus has been mixed yet, and no page read.")
    if not mixture:
        return Section("composition", "Composition", "No corpus has been mixed yet.", figures)
    given = sum(row["given_tokens"] for row in mixture)
    lead = f"{short(given)} tokens of {plural(len(mixture), 'domain')} in the newest corpus, {mixture[0]['corpus']}."
    return Section("composition", "Composition", lead, figures)


def _domains(rows: Sequence[Row]) -> tuple[Figure, ...]:
    bars = [(str(row["domain"]), ((row["asked_frac"], "c0"), (row["given_frac"], "c1"))) for row in rows]
    columns = (
        Column("domain", "Domain"),
        Column("asked_frac", "Asked", "frac"),
        Column("given_frac", "Given", "frac"),
        Column("given_tokens", "Tokens given", "count"),
        Column("available_tokens", "available", "count"),
        Column("documents", "Documents", "count"),
        Column("epochs", "Epochs", "number"),
        Column("max_epochs", "at most", "number"),
        Column("reason", "Why they differ"),
    )
    caption = (
        "Share of the corpus's tokens asked for and given, tokens given and there are, and epochs with their cap, by "
        "domain. What a domain cannot give within its cap is shared out again."
    )
    return tabled(
        "composition-domains", "Domains asked for and given", caption, columns, rows,
        svg=paired_bars("Shares of tokens asked for and given, by domain", bars),
        legend=(("asked", "c0"), ("given", "c1")), sql=MIXTURE,
        widget=Widget("mixture", {"domains": [_named(row, columns) for row in rows]}),
    )  # fmt: skip


def _named(row: Row, columns: Sequence[Column]) -> Row:
    return {column.key: row[column.key] for column in columns}


def _parts(rows: Sequence[Row]) -> tuple[Figure, ...]:
    columns = (
        *(Column(key, label) for key, label in DIMENSIONS),
        *(Column(key, label[0].upper() + label[1:], kind) for key, label, kind in MEASURES),
    )
    caption = (
        "Pages and records of everything read, documents and tokens of the newest corpus, repeats and held-out "
        "documents counted. None stands for what was not measured: pages without text have no language."
    )
    return tabled(
        "composition-parts", "By domain, language and crawl", caption, columns, rows[:200],
        sql=PARTS.format(most=MOST_GROUPS),
        widget=Widget("cube", cube(DIMENSIONS, MEASURES, rows, group="domain", colour="language")),
    )  # fmt: skip


def cube(
    dimensions: Sequence[tuple[str, str]],
    measures: Sequence[tuple[str, str, str]],
    rows: Sequence[Row],
    group: str,
    colour: str,
) -> dict[str, object]:
    """Counts for the page to group: `dimensions` by key and label, `measures` with their kind, and rows of both.

    Args:
        group: The dimension that bars stand for at first.
        colour: The one that cuts them.
    """
    keys = [key for key, *_ in (*dimensions, *measures)]
    cells = [[row[key] for key in keys] for row in rows]
    return {"dimensions": dimensions, "measures": measures, "cells": cells, "group": group, "colour": colour}
