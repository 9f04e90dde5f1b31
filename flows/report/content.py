"""What is in the corpus: domains and languages, duplicates, personal data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flows.report.bars import paired_bars
from flows.report.figures import Column, Figure, Section, Table
from flows.report.source import Row, Source
from flows.report.svg import Axis, Plot
from flows.report.words import count, frac, plural, short

MIXTURE = """\
SELECT mixture.* FROM mixture
JOIN (
    SELECT key, fingerprint FROM steps WHERE step = 'mix' ORDER BY finished_at DESC, fingerprint LIMIT 1
) AS newest ON mixture.corpus = newest.key AND mixture.fingerprint = newest.fingerprint
ORDER BY asked_frac DESC, domain"""
LANGUAGES = """\
SELECT language, count(*) AS pages, count(*) FILTER (fate = 'kept') AS kept, avg(language_prob) AS mean_prob
FROM ledger WHERE language IS NOT NULL GROUP BY language ORDER BY pages DESC, language LIMIT 15"""
KINDS = """\
SELECT kind, count(*) AS removed, count(DISTINCT survivor_id) AS survivors, avg(jaccard) AS mean_jaccard
FROM duplicates GROUP BY kind ORDER BY kind"""
JACCARD = """\
SELECT least(floor(jaccard * 40), 39) / 40 AS low, count(*) AS pairs
FROM duplicates WHERE kind = 'near' GROUP BY low ORDER BY low"""
CLUSTERS = """\
SELECT copies, count(*) AS clusters FROM (SELECT count(*) AS copies FROM duplicates GROUP BY survivor_id)
GROUP BY copies ORDER BY copies DESC LIMIT 20"""
PII = """\
SELECT kind, count(*) AS replaced, count(DISTINCT (crawl, archive, "offset")) AS pages,
    sum(replaced_chars)::BIGINT AS characters, avg(confidence) AS mean_confidence
FROM pii GROUP BY kind ORDER BY replaced DESC, kind"""

PUBLISHED_BANDS = (
    ("FineWeb, 14 × 8", 14, 8),
    ("Dolma 3, 26 × 11", 26, 11),
    ("NeMo, 20 × 13", 20, 13),
    ("RedPajama-V2, 9 × 13", 9, 13),
)
"""Bands and rows of published recipes, for the S-curve."""

SIMILARITIES = tuple(float(s) for s in np.linspace(0.3, 1.0, 71))


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


def duplicates_section(source: Source) -> Section:
    """How alike what was removed is, and what banding lets through."""
    kinds = source.rows(KINDS)
    curve = _s_curve(source)
    if not kinds:
        lead = "No duplicates have been found, or none have been looked for."
        return Section("duplicates", "Duplicates", lead, curve)
    removed = {row["kind"]: row["removed"] for row in kinds}
    lead = (
        f"{plural(sum(removed.values()), 'page')} removed as copies: {count(removed.get('exact', 0))} "
        f"exact, {count(removed.get('near', 0))} near. Every near-duplicate's Jaccard similarity was "
        "measured, not estimated."
    )
    return Section("duplicates", "Duplicates", lead, (_kinds(kinds), *_histogram(source), _clusters(source), *curve))


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


def _kinds(rows: Sequence[Row]) -> Figure:
    columns = (
        Column("kind", "Kind"),
        Column("removed", "Pages removed", "count", bar=True),
        Column("survivors", "Pages kept instead", "count"),
        Column("mean_jaccard", "Mean Jaccard", "number"),
    )
    caption = "Exact copies have the same text but for white space; near ones share enough shingles with the page kept."
    return Figure("duplicates-kinds", "Exact and near", caption, Table(columns, rows), sql=KINDS)


def _histogram(source: Source) -> tuple[Figure, ...]:
    rows = source.rows(JACCARD)
    if not rows:
        return ()
    least = float(source.recipe.get("dedup", {}).get("min_jaccard", 0.0))
    low = min(0.5, rows[0]["low"], least or 1.0)
    y = Axis("pairs", 0.0, 1.08 * max(row["pairs"] for row in rows))
    plot = Plot(
        "Near-duplicates by measured Jaccard similarity",
        Axis("measured Jaccard similarity", low, 1.0),
        y,
        300,
    )
    for row in rows:
        words = f"{row['low']:.3f} to {row['low'] + 0.025:.3f}: {plural(row['pairs'], 'pair')}"
        plot.bar(row["low"] + 0.001, row["low"] + 0.024, row["pairs"], "c1", words)
    if least:
        plot.line([(least, y.low), (least, y.high)], "c2 dashed", f"limit {least:g}")
    columns = (Column("low", "Jaccard from", "number"), Column("pairs", "Pairs", "count"))
    caption = "Similarity of each near-duplicate with the page kept instead of it, in steps of 0.025."
    if least:
        caption += f" The dashed line is the recipe's limit, {least:g}."
    table = Table(columns, rows)
    return (Figure("duplicates-jaccard", "How alike they are", caption, table, plot.render(), sql=JACCARD),)


def _clusters(source: Source) -> Figure:
    columns = (
        Column("copies", "Copies removed", "count"),
        Column("clusters", "Pages that had so many", "count", bar=True),
    )
    caption = "How many pages were removed for each page kept. One page copied hundreds of times is usually a template."
    return Figure("duplicates-clusters", "Cluster sizes", caption, Table(columns, source.rows(CLUSTERS)), sql=CLUSTERS)


def _s_curve(source: Source) -> tuple[Figure, ...]:
    """The chance that a pair shares a band, for the recipe's bands and the published ones."""
    section = source.recipe.get("dedup", {})
    if not (section.get("enabled") and section.get("near")):
        return ()
    bands, rows, least = int(section["bands"]), int(section["rows"]), float(section["min_jaccard"])
    axis = Axis("true Jaccard similarity", SIMILARITIES[0], 1.0)
    plot = Plot("Chance that a pair shares a band, by similarity", axis, Axis("probability", 0.0, 1.0), 340)
    for name, other_bands, other_rows in PUBLISHED_BANDS:
        plot.line([(s, shared_band(s, other_bands, other_rows)) for s in SIMILARITIES], "c0 thin", name)
    plot.line([(least, 0.0), (least, 1.0)], "c2 dashed", f"limit {least:g}")
    plot.line([(s, shared_band(s, bands, rows)) for s in SIMILARITIES], "c1", f"this recipe, {bands} × {rows}")
    compared = [("this recipe, " + f"{bands} × {rows}", bands, rows), *PUBLISHED_BANDS]
    steps = (0.6, 0.7, 0.75, 0.8, 0.85, 0.9)
    table_rows = [{"recipe": name, **{f"s{s}": shared_band(s, b, r) for s in steps}} for name, b, r in compared]
    columns = (Column("recipe", "Bands × rows"), *(Column(f"s{s}", f"{s:.2f}", "frac") for s in steps))
    found = shared_band(least, bands, rows)
    caption = (
        f"Chance 1 − (1 − sʳ)ᵇ that a pair of similarity s becomes a candidate. With {bands} bands of "
        f"{rows} rows, a pair at the limit of {least:g} is found {frac(found)} of the time; what lies "
        "below the limit is compared and let go."
    )
    return (
        Figure(
            "duplicates-bands",
            "What banding finds",
            caption,
            Table(columns, table_rows),
            plot.render(),
            (("this recipe", "c1"), ("published recipes", "c0"), ("limit", "c2")),
            source="The formula with the newest run's recipe (view runs) and published settings.",
        ),
    )


def shared_band(similarity: float, bands: int, rows: int) -> float:
    """Probability that a pair of that Jaccard similarity agrees on all rows of at least one band."""
    return float(1 - (1 - similarity**rows) ** bands)
