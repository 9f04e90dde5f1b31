"""What is in the corpus: domains and languages, personal data."""

from __future__ import annotations

from collections.abc import Sequence

from flows.report.bars import paired_bars
from flows.report.figures import Column, Figure, Section, Table
from flows.report.source import Row, Source
from flows.report.words import plural, short

MIXTURE = """\
SELECT mixture.* FROM mixture
JOIN (
    SELECT key, fingerprint FROM steps WHERE step = 'mix' ORDER BY finished_at DESC, fingerprint LIMIT 1
) AS newest ON mixture.corpus = newest.key AND mixture.fingerprint = newest.fingerprint
ORDER BY asked_frac DESC, domain"""
LANGUAGES = """\
SELECT language, count(*) AS pages, count(*) FILTER (fate = 'kept') AS kept, avg(language_prob) AS mean_prob
FROM ledger WHERE language IS NOT NULL GROUP BY language ORDER BY pages DESC, language LIMIT 15"""
PII = """\
SELECT kind, count(*) AS replaced, count(DISTINCT (crawl, archive, "offset")) AS pages,
    sum(replaced_chars)::BIGINT AS characters, avg(confidence) AS mean_confidence
FROM pii GROUP BY kind ORDER BY replaced DESC, kind"""


def composition_section(source: Source) -> Section:
    """Domains asked for and given, and languages."""
    mixture, languages = source.rows(MIXTURE), source.rows(LANGUAGES)
    figures = (*(_domains(mixture) if mixture else ()), *(_languages(languages) if languages else ()))
    if not figures:
        return Section("composition", "Composition", "No corpus has been mixed yet, and no language measured.")
    given = sum(row["given_tokens"] for row in mixture)
    lead = (
        f"{short(given)} tokens of {plural(len(mixture), 'domain')} in the newest corpus, {mixture[0]['corpus']}."
        if mixture
        else ""
    )
    return Section("composition", "Composition", lead or "No corpus has been mixed yet.", figures)


def personal_section(source: Source) -> Section:
    """Personal data by kind; never the values, which are not in the lake."""
    rows = source.rows(PII)
    if not rows:
        lead = "No personal data has been replaced: none was found, or the stage is off."
        return Section("personal-data", "Personal data", lead)
    total = sum(row["replaced"] for row in rows)
    columns = (
        Column("kind", "Kind"),
        Column("replaced", "Replaced", "count", bar=True),
        Column("pages", "Pages", "count"),
        Column("characters", "Characters", "count"),
        Column("mean_confidence", "Mean confidence", "number"),
    )
    caption = (
        "Spans replaced by typed placeholders before anything was written. The values themselves are "
        "nowhere in the lake."
    )
    figure = Figure("personal-kinds", "What was replaced", caption, Table(columns, rows), sql=PII)
    return Section("personal-data", "Personal data", f"{plural(total, 'span')} replaced.", (figure,))


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
        "Share of the corpus's tokens asked for and given, by domain. What a domain cannot give "
        "within its epoch cap is shared out again."
    )
    return (
        Figure(
            "composition-domains",
            "Domains asked for and given",
            caption,
            Table(columns, rows),
            svg=paired_bars("Shares of tokens asked for and given, by domain", bars),
            legend=(("asked", "c0"), ("given", "c1")),
            sql=MIXTURE,
        ),
    )


def _languages(rows: Sequence[Row]) -> tuple[Figure, ...]:
    columns = (
        Column("language", "Language"),
        Column("pages", "Pages", "count", bar=True),
        Column("kept", "kept", "count"),
        Column("mean_prob", "Mean probability", "number"),
    )
    caption = "Languages of the pages that had text, most frequent first, with fastText's mean probability for them."
    return (Figure("composition-languages", "Languages read", caption, Table(columns, rows), sql=LANGUAGES),)
