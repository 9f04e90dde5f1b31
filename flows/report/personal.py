"""Personal data and test items in the pages: what was found, where, and how good the rules are that found it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from flows.evaluation import share_interval
from flows.report.benchmarks import contamination_figure, looked_for
from flows.report.composition import cube
from flows.report.figures import Column, Figure, Section, tabled
from flows.report.interactive import Widget
from flows.report.source import Row, Source
from flows.report.words import count, frac, plural

PII = """\
SELECT kind, count(*) AS replaced, count(DISTINCT (crawl, archive, "offset")) AS pages,
    sum(replaced_chars)::BIGINT AS characters, avg(confidence) AS mean_confidence
FROM pii GROUP BY kind ORDER BY replaced DESC, kind"""
PLACES = """\
WITH counted AS (
    SELECT kind, pages.domain, pages.language, pages.host,
        CASE WHEN "start" < 200 THEN 'characters 0 to 199' WHEN "start" < 1000 THEN '200 to 999'
            WHEN "start" < 5000 THEN '1,000 to 4,999' ELSE '5,000 and later' END AS place,
        count(*) AS replaced, sum(replaced_chars)::BIGINT AS characters
    FROM pii JOIN pages USING (crawl, archive, "offset") GROUP BY ALL
), ranked AS (
    SELECT *, row_number() OVER (ORDER BY replaced DESC, kind, domain, language, host, place) > {most} AS small
    FROM counted
)
SELECT kind, if(small, 'others', domain) AS domain, if(small, 'others', language) AS language,
    if(small, 'others', host) AS host, place, sum(replaced)::BIGINT AS replaced, sum(characters)::BIGINT AS characters
FROM ranked GROUP BY ALL ORDER BY replaced DESC, kind, domain, language, host, place"""
"""`most` groups by themselves, the smaller ones of a kind and place as one."""
MOST_GROUPS = 2000

DIMENSIONS = (
    ("kind", "Kind"),
    ("domain", "Domain"),
    ("language", "Language"),
    ("host", "Host"),
    ("place", "Place in the text"),
)
MEASURES = (("replaced", "spans replaced", "count"), ("characters", "characters replaced", "count"))


def personal_section(source: Source) -> Section:
    """Personal data by kind and place, never the values, which are not in the lake; the rules' precision and recall."""
    rows, found = source.rows(PII), contamination_figure(source)
    figures = (*_kinds(rows), *_places(source), *_scores(), *_ordinary(), *found)
    total = sum(row["replaced"] for row in rows)
    lead = f"{plural(total, 'span')} replaced." if rows else "Nothing was replaced: none found, or the stage is off."
    return Section("personal-data", "Personal data and contamination", f"{lead} {looked_for(source)}", figures)


def _kinds(rows: Sequence[Row]) -> tuple[Figure, ...]:
    columns = (
        Column("kind", "Kind"),
        Column("replaced", "Replaced", "count", bar=True),
        Column("pages", "Pages", "count"),
        Column("characters", "Characters", "count"),
        Column("mean_confidence", "Mean confidence", "loss"),
    )
    caption = (
        "Spans replaced by typed placeholders before anything was written. The values themselves are "
        "nowhere in the lake."
    )
    return tabled("personal-kinds", "What was replaced", caption, columns, rows, sql=PII)


def _places(source: Source) -> tuple[Figure, ...]:
    rows = source.rows(PLACES.format(most=MOST_GROUPS))
    columns = (*(Column(key, label) for key, label in DIMENSIONS), Column("replaced", "Replaced", "count"))
    caption = "Where it was: choose what bars stand for and what cuts them. A host with most of a kind is worth a look."
    return tabled(
        "personal-places", "By kind and place", caption, columns, rows[:100], sql=PLACES.format(most=MOST_GROUPS),
        widget=Widget("cube", cube(DIMENSIONS, MEASURES, rows, group="kind", colour="domain")),
    )  # fmt: skip


@cache
def measured() -> Mapping[str, Any]:
    """What `tests/bench/bench_pii.py` counted of the shipped rules and stored: see its `store`."""
    path = resources.files("flows.report") / "measured" / "personal_data.json"
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def rates(row: Mapping[str, Any]) -> Row:
    """A kind's precision and recall with 95 % intervals; null where nothing was claimed or labelled."""
    found: Row = {key: row[key] for key in ("half", "kind", "labels", "claims")}
    for name, part, whole in (("precision", "right", "claims"), ("recall", "met", "labels")):
        low, high = share_interval(row[part], row[whole]) if row[whole] else (0.0, 1.0)
        found |= {name: row[part] / row[whole] if row[whole] else None}
        found |= {f"{name}_range": f"{frac(low)} to {frac(high)}"}
    return found


def _scores() -> tuple[Figure, ...]:
    rows = [rates(row) for row in measured()["labelled"]]
    rows.sort(key=lambda row: (row["half"] != "held out", -row["labels"], row["kind"]))
    columns = (
        Column("half", "Templates"),
        Column("kind", "Kind"),
        Column("labels", "Labels", "count"),
        Column("claims", "Claimed", "count"),
        Column("precision", "Precision", "frac"),
        Column("precision_range", "95 %", "range"),
        Column("recall", "Recall", "frac", bar=True),
        Column("recall_range", "95 %", "range"),
    )
    caption = (
        "The shipped rules on labelled texts made from templates: precision, the share of what they claim that is "
        "labelled; recall, the share of what is labelled that they find. Only the templates seen were looked at "
        "while tuning; the first patterns were written with every second text in view. Labels are few: Wilson's "
        "intervals say how few."
    )
    return tabled("personal-scores", "How good the rules are", caption, columns, rows, source=_origin())


def _ordinary() -> tuple[Figure, ...]:
    rows = [
        {"text": row["text"], "words": row["words"], "kind": kind, "hits": hits, "rate": 1e5 * hits / row["words"]}
        for row in measured()["ordinary"]
        for kind, hits in (row["hits"] or {"none": 0}).items()
    ]
    columns = (
        Column("text", "Text"),
        Column("words", "Words", "count"),
        Column("kind", "Kind"),
        Column("hits", "Hits", "count"),
        Column("rate", "Hits in 100,000 words", "number", bar=True),
    )
    caption = (
        "What the rules take out of ordinary text that was made without a thought of them. A hit is not a false one: "
        "conversations are full of addresses and numbers; which ones were false was read, and is in docs/benchmarks.md."
    )
    title = "What they take out of ordinary text"
    return tabled("personal-ordinary", title, caption, columns, rows, source=_origin())


def _origin() -> str:
    told = measured()
    texts = sum(row["labels"] for row in told["labelled"])
    return f"`{told['command']}`, {told['measured_at']}: {count(texts)} labels; of this project, not of this lake."
