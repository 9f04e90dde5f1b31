"""Duplicates: how alike what was removed is, what banding finds, and the pages with most copies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from flows.report.bands import measured_bands
from flows.report.figures import Column, Figure, Section, Table
from flows.report.interactive import Widget
from flows.report.source import Row, Source
from flows.report.svg import Axis, Plot
from flows.report.words import count, frac, plural

KINDS = """\
SELECT kind, count(*) AS removed, count(DISTINCT survivor_id) AS survivors, avg(jaccard) AS mean_jaccard
FROM duplicates GROUP BY kind ORDER BY kind"""
JACCARD = """\
SELECT least(floor(jaccard * 40), 39) / 40 AS low, count(*) AS pairs
FROM duplicates WHERE kind = 'near' GROUP BY low ORDER BY low"""
CLUSTERS = """\
SELECT copies, count(*) AS clusters FROM (SELECT count(*) AS copies FROM duplicates GROUP BY survivor_id)
GROUP BY copies ORDER BY copies DESC LIMIT 20"""
BIGGEST = """\
WITH clusters AS (
    SELECT survivor_crawl, survivor_archive, survivor_offset, count(*) AS copies,
        min_by({'crawl': crawl, 'archive': archive, 'offset': "offset", 'jaccard': jaccard, 'kind': kind},
            (coalesce(jaccard, 2), crawl, archive, "offset"), 12) AS members
    FROM duplicates
    GROUP BY ALL
    ORDER BY copies DESC, survivor_crawl, survivor_archive, survivor_offset
    LIMIT 12
),
listed AS (SELECT *, unnest(members) AS member FROM clusters)
SELECT copies, survivor.url AS survivor_url, survivor.doc_id AS survivor_id, page.url, member.kind, member.jaccard
FROM listed
JOIN pages AS survivor ON survivor_crawl = survivor.crawl AND survivor_archive = survivor.archive
    AND survivor_offset = survivor."offset"
JOIN pages AS page ON member.crawl = page.crawl AND member.archive = page.archive AND member."offset" = page."offset"
ORDER BY copies DESC, survivor_id, member.jaccard, page.url"""

PUBLISHED_BANDS = (
    ("FineWeb, 14 × 8", 14, 8),
    ("Dolma 3, 26 × 11", 26, 11),
    ("NeMo, 20 × 13", 20, 13),
    ("RedPajama-V2, 9 × 13", 9, 13),
)
"""Bands and rows of published recipes, for the S-curve."""

SIMILARITIES = tuple(float(s) for s in np.linspace(0.3, 1.0, 71))


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
    figures = (_kinds(kinds), *_histogram(source), _clusters(source), *_biggest(source), *curve)
    return Section("duplicates", "Duplicates", lead, figures)


def _kinds(rows: Sequence[Row]) -> Figure:
    columns = (
        Column("kind", "Kind"),
        Column("removed", "Pages removed", "count", bar=True),
        Column("survivors", "Pages kept instead", "count"),
        Column("mean_jaccard", "Mean Jaccard", "loss"),
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


def _biggest(source: Source) -> tuple[Figure, ...]:
    """The pages with most copies, and the copies least like them."""
    rows = source.rows(BIGGEST)
    if not rows:
        return ()
    columns = (
        Column("survivor_url", "Kept"),
        Column("copies", "Copies", "count"),
        Column("url", "a copy"),
        Column("kind", "Kind"),
        Column("jaccard", "Jaccard", "loss"),
    )
    caption = "The twelve pages with most copies; of each the copies least like it, at most twelve."
    return (
        Figure(
            "duplicates-biggest",
            "The biggest clusters",
            caption,
            Table(columns, rows),
            sql=BIGGEST,
            widget=Widget("clusters", {"rows": rows}),
        ),
    )


def _s_curve(source: Source) -> tuple[Figure, ...]:
    """The chance that a pair shares a band, for the recipe's bands and the published ones, with what was counted."""
    section = source.recipe.get("dedup", {})
    if not (section.get("enabled") and section.get("near")):
        return ()
    bands, rows, least = int(section["bands"]), int(section["rows"]), float(section["min_jaccard"])
    measured = measured_bands(source, bands)
    compared = [("this recipe, " + f"{bands} × {rows}", bands, rows), *PUBLISHED_BANDS]
    steps = (0.6, 0.7, 0.75, 0.8, 0.85, 0.9)
    table_rows = [{"recipe": name, **{f"s{s}": shared_band(s, b, r) for s in steps}} for name, b, r in compared]
    columns = (Column("recipe", "Bands × rows"), *(Column(f"s{s}", f"{s:.2f}", "frac") for s in steps))
    found = shared_band(least, bands, rows)
    caption = (
        f"Chance 1 − (1 − sʳ)ᵇ that a pair of similarity s becomes a candidate. With {bands} bands of "
        f"{rows} rows, a pair at the limit of {least:g} is found {frac(found)} of the time; what lies "
        "below the limit is compared and let go. Dots: the chance that the bands of the pairs found here speak for "
        "(the share they agree on, mended for the pairs that agreed on none and were not found)."
    )
    data = {
        "bands": bands,
        "rows": rows,
        "least": least,
        "published": [{"name": name, "bands": b, "rows": r} for name, b, r in PUBLISHED_BANDS],
        "measured": measured,
    }
    return (
        Figure(
            "duplicates-bands",
            "What banding finds",
            caption,
            Table(columns, table_rows),
            _draw_s_curve(bands, rows, least, measured),
            (("this recipe", "c1"), ("published recipes", "c0"), ("limit", "c2"), ("counted", "c3")),
            source="The formula with the newest run's recipe (view runs), published settings, and the band keys of "
            "this lake's pairs.",
            widget=Widget("sCurve", data),
        ),
    )


def _draw_s_curve(bands: int, rows: int, least: float, measured: Sequence[Row]) -> Markup:
    axis = Axis("true Jaccard similarity", SIMILARITIES[0], 1.0)
    plot = Plot("Chance that a pair shares a band, by similarity", axis, Axis("probability", 0.0, 1.0), 340)
    for name, other_bands, other_rows in PUBLISHED_BANDS:
        plot.line([(s, shared_band(s, other_bands, other_rows)) for s in SIMILARITIES], "c0 thin", name)
    plot.line([(least, 0.0), (least, 1.0)], "c2 dashed", f"limit {least:g}")
    plot.line([(s, shared_band(s, bands, rows)) for s in SIMILARITIES], "c1", f"this recipe, {bands} × {rows}")
    for row in measured:
        plot.dot(row["jaccard"], row["found_prob"], "c3", f"{plural(row['pairs'], 'pair')}: {row['found_prob']:.4f}")
    return plot.render()


def shared_band(similarity: float, bands: int, rows: int) -> float:
    """Probability that a pair of that Jaccard similarity agrees on all rows of at least one band."""
    return float(1 - (1 - similarity**rows) ** bands)
