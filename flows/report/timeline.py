"""When everything in the lake was made, and how long it took."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from flows.report.figures import Column, Figure, Section, Table
from flows.report.milestones import milestones
from flows.report.source import Row, Source
from flows.report.svg import Axis, Plot
from flows.report.words import plural, seconds
from flows.rungs import IS_RUNG

EVENTS = f"""\
WITH walls AS (
    SELECT step, crawl, archive, fingerprint, wall_seconds FROM costs WHERE stage = 'all'
)
SELECT 'annotate' AS what, archives.archive AS name, finished_at, wall_seconds
FROM archives JOIN walls USING (crawl, archive, fingerprint) WHERE walls.step = 'annotate'
UNION ALL
SELECT steps.step, steps.key, finished_at, wall_seconds
FROM steps JOIN walls
    ON steps.step = walls.step AND steps.key = walls.archive AND steps.fingerprint = walls.fingerprint
UNION ALL
SELECT CASE WHEN {IS_RUNG} THEN 'ladder' ELSE 'train' END, name, finished_at, wall_seconds
FROM trainings
ORDER BY finished_at, name"""

LANES = ("index", "annotate", "dedup", "mix", "tokens", "train", "ladder")
COLOURS = dict(zip(LANES, ("c0", "c1", "c4", "c3", "c5", "c2", "c6"), strict=True))
MOST_BARS = 400


def timeline_section(source: Source) -> Section:
    """Steps on one axis of time, a lane a kind."""
    events = [row for row in source.rows(EVENTS) if row["finished_at"] is not None]
    if not events:
        return Section("timeline", "Timeline", "Nothing has been made yet.", (milestones(source),))
    first, last = min(map(_start, events)), max(row["finished_at"] for row in events)
    lead = f"{plural(len(events), 'unit')} of work, from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC."
    return Section("timeline", "Timeline", lead, (_lanes(events), _longest(events), milestones(source)))


def _lanes(events: Sequence[Row]) -> Figure:
    origin = min(map(_start, events))
    lanes = [lane for lane in LANES if any(row["what"] == lane for row in events)]
    span = max((row["finished_at"] - origin).total_seconds() for row in events)
    unit, scale = ("minutes", 60.0) if span < 7200 else ("hours", 3600.0)
    x = Axis(f"{unit} since the first unit began", 0.0, max(span / scale, 1e-3) * 1.02)
    plot = Plot(
        "When each unit of work ran",
        x,
        Axis("", 0.0, float(len(lanes)), ticks=()),
        90.0 + 34 * len(lanes),
    )
    for row in events[-MOST_BARS:]:
        place = len(lanes) - lanes.index(row["what"])
        begin, end = (_start(row) - origin).total_seconds(), (row["finished_at"] - origin).total_seconds()
        words = f"{row['what']} {row['name']}: {seconds(row['wall_seconds'] or 0.0)}"
        plot.bar(begin / scale, end / scale, place - 0.2, COLOURS[row["what"]], words, bottom=place - 0.8)
    for lane in lanes:
        plot.text(0.0, len(lanes) - lanes.index(lane) - 0.5, lane, "small", shift=(-8.0, 4.0), end=True)
    rows = _by_lane(events, lanes)
    columns = (
        Column("what", "Kind"),
        Column("units", "Units", "count"),
        Column("wall_seconds", "Elapsed, added up", "seconds"),
        Column("first", "First began", "time"),
        Column("last", "Last ended", "time"),
    )
    caption = "A bar is an archive, a whole-corpus step or a training; bars of one lane that overlap ran side by side."
    return Figure("timeline-lanes", "What ran when", caption, Table(columns, rows), plot.render(), sql=EVENTS)


def _longest(events: Sequence[Row]) -> Figure:
    rows = sorted(events, key=lambda row: -(row["wall_seconds"] or 0.0))[:15]
    columns = (
        Column("what", "Kind"),
        Column("name", "Unit"),
        Column("wall_seconds", "Elapsed", "seconds", bar=True),
        Column("finished_at", "Ended", "time"),
    )
    return Figure(
        "timeline-longest",
        "What took longest",
        "The fifteen longest units.",
        Table(columns, rows),
        sql=EVENTS,
    )


def _by_lane(events: Sequence[Row], lanes: Sequence[str]) -> list[Row]:
    found = []
    for lane in lanes:
        rows = [row for row in events if row["what"] == lane]
        found.append(
            {
                "what": lane,
                "units": len(rows),
                "wall_seconds": sum(row["wall_seconds"] or 0.0 for row in rows),
                "first": min(map(_start, rows)),
                "last": max(row["finished_at"] for row in rows),
            }
        )
    return found


def _start(row: Row) -> datetime:
    began: datetime = row["finished_at"] - timedelta(seconds=row["wall_seconds"] or 0.0)
    return began
