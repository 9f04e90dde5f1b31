"""The funnel: what each stage was given and let through, its rules, and the same under other limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flows.report.figures import Column, Figure, Section, Table, tabled
from flows.report.interactive import Widget
from flows.report.limits import MOVABLE, joint_histogram
from flows.report.source import Row, Source
from flows.report.words import count, frac

NOTHING = "No archive is in the lake yet: `winnow corpus` reads some."

FUNNEL = "FROM funnel ORDER BY position"
RULES = "FROM removed_alone_by ORDER BY failed_pages DESC, rule LIMIT 60"
STAGES_OF_RULES = """\
SELECT DISTINCT dropped_by_rule AS rule, dropped_by AS stage FROM pages
WHERE dropped_by_rule IS NOT NULL ORDER BY rule, stage"""
OVERLAP = "SELECT rule, other, both_pages, jaccard FROM rule_overlap ORDER BY both_pages DESC, rule, other LIMIT 60"
EXAMPLES = "SELECT rule, side, place, value, url, fate FROM examples ORDER BY rule, side, place"

PUBLISHED: tuple[Row, ...] = (
    {
        "recipe": "RefinedWeb",
        "kept": 0.117,
        "of": "pages",
        "source": "Penedo et al. 2023: 47.5 % English, 23.3 % after line-wise filters, 14.5 % after "
        "fuzzy and 11.7 % after exact deduplication",
    },
    {
        "recipe": "FineWeb",
        "kept": 15 / 36,
        "of": "tokens after the base filters",
        "source": "Penedo et al. 2024: 36 T, 20 T after MinHash in each crawl, 15 T at the end",
    },
    {
        "recipe": "DCLM",
        "kept": 0.014,
        "of": "pages",
        "source": "Li et al. 2024: 19.9 % after heuristics, 13.7 % after the Bloom filter, 1.4 % after the classifier",
    },
    {
        "recipe": "Dolma 3",
        "kept": 9.7 / 255.7,
        "of": "pages",
        "source": "Olmo 3 report 2025: 255.7 B pages, 38.7 B after heuristics, 12.8 B after exact and "
        "9.7 B after near-duplicates",
    },
)


def funnel_section(source: Source) -> Section:
    """What each stage was given and let through."""
    rows = source.rows(FUNNEL)
    if not rows:
        return Section("funnel", "Funnel", NOTHING)
    first, last = rows[0], rows[-1]
    lead = (
        f"Of {count(first['pages_in'])} pages, {count(last['pages_out'])} are left "
        f"({frac(last['pages_out'] / max(first['pages_in'], 1))}). "
        "A page counts at the first stage that failed it; every other rule it failed is kept too."
    )
    figures = (_stages(source, rows), *_what_if(source), *_rules(source), *_published())
    return Section("funnel", "Funnel", lead, figures)


def _stages(source: Source, rows: list[Row]) -> Figure:
    columns = (
        Column("stage", "Stage"),
        Column("pages_out", "Pages left", "count", bar=True),
        Column("dropped", "Dropped here", "count"),
        Column("kept_frac", "Kept of what came", "frac"),
        Column("of_all_frac", "Left of all", "frac"),
        Column("bytes_out", "Record bytes left", "bytes"),
    )
    caption = (
        "Pages left after each stage, in the order a page meets them. Choose a stage for its rules, the rules that "
        "fail the same pages, and pages on either side of a limit. Bytes are those of the records "
        "in their archives; a mix repeats and samples documents, so it has none."
    )
    widget = Widget("funnel", {"stages": rows, **_behind(source)})
    return Figure("funnel-stages", "What each stage left", caption, Table(columns, rows), sql=FUNNEL, widget=widget)


def _behind(source: Source) -> dict[str, Any]:
    """What a stage shows when chosen: its rules, their overlap, examples."""
    stages: dict[str, str] = {row["rule"]: row["stage"] for row in source.rows(STAGES_OF_RULES)}
    rules = [
        {
            **{key: row[key] for key in ("rule", "knob", "failed_pages", "first_pages", "alone_pages")},
            "stage": stages.get(row["rule"], row["rule"].partition(".")[0]),
        }
        for row in source.rows(RULES)
    ]
    limits = {row["rule"]: {"low": row["low"], "high": row["high"]} for row in source.rows(MOVABLE)}
    return {"rules": rules, "overlap": source.rows(OVERLAP), "examples": _examples(source), "limits": limits}


def _examples(source: Source) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in source.rows(EXAMPLES):
        found.setdefault(row.pop("rule"), []).append(row)
    return found


def _what_if(source: Source) -> tuple[Figure, ...]:
    """Sliders over the limits that remove most."""
    histogram = joint_histogram(source)
    if histogram is None:
        return ()
    columns = (Column("rule", "Rule"), Column("limit", "Limit", "number"), Column("choices", "Limits to choose from"))
    rows: Sequence[Row] = [
        {
            "rule": limit["rule"],
            "limit": limit["choices"][limit["now"]],
            "choices": ", ".join(f"{value:g}" for value in limit["choices"]),
        }
        for limit in histogram["limits"]
    ]
    caption = (
        "Pages that pass all rules, before duplicates are looked for, as the limits move: exact, from a joint "
        "histogram of the ledger over these limits. `winnow what-if` tells it for every rule and any limit, and with "
        "`--apply` makes the corpus."
    )
    origin = "View pages: the signals of the rules named, see `flows/report/limits.py`."
    widget = Widget("whatIf", histogram)
    title = "The same pages under other limits"
    return tabled("funnel-what-if", title, caption, columns, rows, source=origin, widget=widget)


def _rules(source: Source) -> tuple[Figure, ...]:
    columns = (
        Column("rule", "Rule"),
        Column("failed_pages", "Pages that failed it", "count", bar=True),
        Column("first_pages", "failed it first", "count"),
        Column("alone_pages", "failed nothing else", "count"),
        Column("alone_frac", "Only this rule", "frac"),
        Column("alone_bytes", "Bytes it alone costs", "bytes"),
    )
    caption = (
        "Every rule that failed a page, not only the first. Pages that failed nothing else come back if the "
        "rule's limit moves; the others would fall to another rule."
    )
    return tabled("funnel-rules", "What each rule removed", caption, columns, source.rows(RULES)[:24], sql=RULES)


def _published() -> tuple[Figure, ...]:
    columns = (
        Column("recipe", "Recipe"),
        Column("kept", "Kept", "frac", bar=True),
        Column("of", "of"),
        Column("source", "Source", "prose"),
    )
    caption = (
        "What published recipes keep of a whole crawl. A sample of a few archives holds fewer duplicates than a crawl."
    )
    origin = "The papers named in the table."
    return tabled("funnel-published", "What others kept", caption, columns, PUBLISHED, source=origin)
