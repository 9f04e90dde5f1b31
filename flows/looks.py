"""What one look at a source takes: how much of what is new, in which order, and as which part of its crawl.

A schedule looks again and again at a folder, a bucket or a list that grows. Each look takes as much as its budget says,
what failed before last, and, where it is asked to, compares only the new pages with those that are there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pyarrow.compute as pc

from flows.annotate_task import AnnotateJob
from storage.lake import Lake
from storage.manifest import committed
from storage.selection import ANNOTATE, DEDUP
from storage.shards import read_table
from storage.sources import Source

_MEASURED = 32
"""Archives read last whose cost is looked up to tell how long the next ones take."""

_PART = re.compile(r"([^/]+)\.(\d{4,})/(.+)", re.DOTALL)
"""Crawl, number and archive, of an archive's name in a run."""


@dataclass(frozen=True)
class Budget:
    """What a look may take; null: no limit. One archive is always taken, or a large one would wait for ever.

    Attributes:
        archives: How many.
        bytes: Their size together; those of unknown size count as nothing.
        minutes: How long reading them takes on `workers` processes, as measured on the lake's last archives; the first
            look at an empty lake takes one archive a process, to measure by.
    """

    archives: int | None = None
    bytes: int | None = None
    minutes: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing is limited."""
        return self.archives is None and self.bytes is None and self.minutes is None


def choose(lake: Lake, pending: Sequence[AnnotateJob], budget: Budget, workers: int) -> list[AnnotateJob]:
    """Of the archives that are not in the lake those that this look takes: what failed least often first."""
    if budget.is_open:
        return list(pending)
    failed = Counter(one["archive"] for run in lake.rows("runs") for one in run["failed"] or ())
    ordered = sorted(pending, key=lambda job: failed[job.label])  # the order given, where they failed equally often
    most = len(ordered) if budget.archives is None else budget.archives
    if budget.minutes is not None:
        pace = _pace(lake)
        most = min(most, workers if pace is None else int(budget.minutes * 60 * workers / pace))
    size = 0
    for number, job in enumerate(ordered):
        size += job.source.size
        if number and (number >= most or (budget.bytes is not None and size > budget.bytes)):
            return ordered[:number]
    return ordered


def _pace(lake: Lake) -> float | None:
    """Seconds one process took for an archive, on average over those read last; None before the first."""
    rows = committed(lake)
    if not len(rows):
        return None
    newest = rows.take(pc.sort_indices(rows["finished_at"])[-_MEASURED:]).select(["outputs"]).to_pylist()
    paths = [output["path"] for row in newest for output in row["outputs"] if output["table"] == "costs"]
    tables = [read_table(lake.absolute(path), ["stage", "wall_seconds"]).to_pylist() for path in paths]
    seconds = [row["wall_seconds"] for rows in tables for row in rows if row["stage"] == "all" and row["wall_seconds"]]
    return sum(seconds) / len(seconds) if seconds else None


def in_parts(lake: Lake, sources: Iterable[Source]) -> list[Source]:
    """The sources, each in a part of its crawl: `local.0001`, `local.0002`...

    What any run had in a part stays in it, also where it is to be read again. What is new joins the last part while
    that has not been searched for duplicates, and makes the next one where it has: so a part is searched once, against
    all parts before it, and a look that was killed goes on with the same part. What was read before there were parts
    stays in the crawl itself, which comes before them all: read again in a part, every page of it would be a copy.
    """
    runs = lake.rows("runs")
    listed = [(step["step"], step["key"]) for run in runs for step in run["steps"]]
    rows = committed(lake).select(["crawl", "archive"]).to_pylist()
    names = [key for step, key in listed if step == ANNOTATE] + [f"{row['crawl']}/{row['archive']}" for row in rows]
    found = [part for name in names if (part := _PART.fullmatch(name))]
    known = {(part[1], part[3]): int(part[2]) for part in found}
    last = {crawl: max(number for (of, _), number in known.items() if of == crawl) for crawl, _ in known}
    searched = {row["key"] for row in lake.rows("steps") if row["step"] == DEDUP}
    searched |= {key for step, key in listed if step == DEDUP}
    whole, named = set(names), []
    for source in sources:
        if f"{source.crawl}/{source.archive}" in whole and (source.crawl, source.archive) not in known:
            named.append(source)
            continue
        number = last.get(source.crawl, 1)
        number += part_name(source.crawl, number) in searched
        number = known.get((source.crawl, source.archive), number)
        named.append(replace(source, crawl=part_name(source.crawl, number)))
    return sorted(named, key=lambda source: (source.crawl, source.archive))


def part_name(crawl: str, number: int) -> str:
    """A part of a crawl, counted from 1."""
    return f"{crawl}.{number:04}"
