"""Benchmarks: scores of trained models, and how much of each set was found in the pages and removed."""

from __future__ import annotations

from collections.abc import Sequence

from flows.report.figures import Column, Figure, Section, tabled, with_interval
from flows.report.source import Row, Source
from flows.report.words import plural

SCORES = """\
SELECT name, part, metric, value, low, high, (details ->> '$.chance')::DOUBLE AS chance, items, found_items,
    removed_items, remaining_items, max_remaining_score
FROM evaluations_with_contamination LIMIT 60"""
FOUND = "SELECT * FROM benchmark_contamination"

CONTAMINATION = (
    Column("items", "Items", "count"),
    Column("found_items", "Found", "count"),
    Column("removed_items", "Removed", "count"),
    Column("remaining_items", "Left in", "count"),
    Column("max_remaining_score", "Most left", "frac"),
)


def benchmarks_section(source: Source) -> Section:
    """Scores with their sets' contamination."""
    scores = source.rows(SCORES)
    if not scores:
        return Section("benchmarks", "Benchmarks", "No model has been scored yet: `winnow evaluate` scores one.")
    lead = " ".join((looked_for(source), _scored(scores)))
    return Section("benchmarks", "Benchmarks", lead, _scores(scores))


def looked_for(source: Source) -> str:
    """What became of benchmarks in the pages, as a sentence."""
    found = source.rows(FOUND)
    if not found:
        return "No benchmark was looked for in the pages (`[[decontaminate.benchmarks]]`)."
    items, left = (sum(row[key] for row in found) for key in ("found_items", "remaining_items"))
    return (
        f"{plural(len(found), 'benchmark')} looked for in the pages: {plural(items, 'item')} found, "
        f"{plural(left, 'item')} still in some page."
    )


def _scored(scores: Sequence[Row]) -> str:
    unknown = sorted({row["part"] for row in scores if row["items"] is None})
    if not unknown:
        return ""
    return f"Never looked for, and so of unknown contamination: {', '.join(unknown)}."


def _scores(rows: Sequence[Row]) -> tuple[Figure, ...]:
    columns = (
        Column("name", "Model"),
        Column("part", "Benchmark"),
        Column("metric", "Metric"),
        *with_interval(Column("value", "Score", "loss")),
        Column("chance", "Chance", "loss"),
        *CONTAMINATION,
    )
    caption = (
        "Each score with its 95 % interval and what guessing gives, and beside it how much of the set was found in the "
        "crawled pages and removed from the corpus. “Most left” is the largest share of an item that a kept page has. "
        "Where the last five are empty the set was never looked for."
    )
    return tabled("benchmark-scores", "Scores, and how clean their sets are", caption, columns, rows, sql=SCORES)


def contamination_figure(source: Source) -> tuple[Figure, ...]:
    """Test items found in the pages; nothing where none was looked for."""
    columns = (
        Column("benchmark", "Benchmark"),
        *CONTAMINATION,
        Column("short_items", "Too short to look for", "count"),
        Column("dropped_pages", "Pages dropped", "count"),
        Column("cut_pages", "Pages cut", "count"),
    )
    caption = (
        "Items of which some page holds a stretch. An item is removed when no page that is kept holds it, and left in "
        "where one does: below `decontaminate.max_score`, or marked only."
    )
    rows = source.rows(FOUND)
    return tabled("benchmark-contamination", "Test items in the pages", caption, columns, rows, sql=FOUND)
