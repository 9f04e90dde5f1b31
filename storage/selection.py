"""Which finished files are in force: of every archive and step those of the newest run that lists it.

A lake keeps what every recipe made; nothing is overwritten. An archive or step that no run lists is in force
as its newest row has it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

Row = Mapping[str, Any]
StepName = tuple[str, str]
"""Step and key, as a run lists them: ("annotate", "crawl/archive"), ("dedup", "crawl"), ("mix", "name")..."""

ANNOTATE, DEDUP = "annotate", "dedup"


@dataclass(frozen=True, slots=True)
class InForce:
    """A committed row of an archive or step, and the run that put it in force (None: no run lists it)."""

    name: StepName
    row: Row
    run_id: str | None

    def files(self, table: str) -> list[str]:
        """Files of one table that the row lists, relative to the lake."""
        return [output["path"] for output in self.outputs(table)]

    def outputs(self, table: str) -> list[Row]:
        """What the row says of the files of one table."""
        return [output for output in self.row["outputs"] if output["table"] == table]


@dataclass(frozen=True, slots=True)
class Selection:
    """What the views show, in the order of their names.

    Attributes:
        archives: Rows of archives.
        rows: The same as a table: `storage.manifest.SCHEMA`.
        steps: Rows of whole-corpus steps; a crawl may have several searches for duplicates in force, each for
            the archives of another run.
        dedup: Fingerprint of the search for duplicates that an archive took part in, by the archive's name.
        rules: Run, place and rule, as recorded, of every rule of a run that put an archive in force.
        failed: Pages that failed each rule, as those runs counted them.
    """

    archives: tuple[InForce, ...]
    steps: tuple[InForce, ...]
    dedup: Mapping[StepName, str]
    rows: pa.Table
    rules: tuple[tuple[str, int, Row], ...] = ()
    failed: Mapping[str, int] = field(default_factory=dict)

    def archive_files(self, table: str) -> list[str]:
        """Files of one table, of all archives in force."""
        return [output["path"] for output in self.archive_outputs(table)]

    def archive_outputs(self, table: str) -> list[Row]:
        """What is known of the files of one table, of all archives in force: path, rows and columns."""
        outputs = cast("pa.ListArray[Any]", self.rows["outputs"].combine_chunks()).flatten()
        wanted = outputs.filter(pc.is_in(pc.struct_field(outputs, "table"), value_set=pa.array([table])))
        parts = {name: pc.struct_field(wanted, name).to_pylist() for name in ("path", "rows", "columns")}
        return [dict(zip(parts, values, strict=True)) for values in zip(*parts.values(), strict=True)]

    def steps_with(self, table: str) -> list[InForce]:
        """The steps in force that wrote files of one table."""
        return [step for step in self.steps if step.files(table)]


class _ArchiveRow(Mapping[str, Any]):
    """A row of a large table, of which little is asked: the rest is looked up when it is."""

    def __init__(self, table: pa.Table, place: int, told: Row) -> None:
        self._table, self.place, self._told = table, place, told

    def __getitem__(self, name: str) -> Any:
        if name not in self._told:
            self._told = self._table.slice(self.place, 1).to_pylist()[0]
        return self._told[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table.column_names)

    def __len__(self) -> int:
        return self._table.num_columns


_ASKED = ["crawl", "archive", "fingerprint", "finished_at", "records"]


def select(archives: pa.Table, steps: Iterable[Row], runs: Iterable[Row]) -> Selection:
    """The rows in force among all that are committed: rows of `storage.manifest.SCHEMA`, `STEPS` and `RUNS`.

    A row of a step may have further columns, such as the file it was read from; they are kept.
    """
    by_age = sorted(runs, key=lambda run: (run["finished_at"] or run["started_at"], run["run_id"]))
    told = archives.select(_ASKED).to_pylist()
    chosen_archives = _choose(
        ((_archive_name(row), _ArchiveRow(archives, place, row)) for place, row in enumerate(told)), by_age
    )
    named_steps = [((row["step"], row["key"]), row) for row in steps]
    chosen_steps = {(name, item.row["fingerprint"]): item for name, item in _choose(named_steps, by_age).items()}
    searches = {run["run_id"]: _searches(run) for run in by_age}
    committed = {(name, row["fingerprint"]): row for name, row in named_steps}
    dedup: dict[StepName, str] = {}
    for name, archive in chosen_archives.items():
        search = (DEDUP, archive.row["crawl"])
        fingerprint = searches.get(archive.run_id or "", {}).get(search)
        if fingerprint and (search, fingerprint) in committed:
            dedup[name] = fingerprint
            found = InForce(search, committed[search, fingerprint], archive.run_id)
            chosen_steps.setdefault((search, fingerprint), found)
    in_order = tuple(chosen_steps[key] for key in sorted(chosen_steps))
    in_force = {archive.run_id for archive in chosen_archives.values()}
    judging = [run for run in by_age if run["run_id"] in in_force]
    rules = [rule for run in judging for rule in _rules(run)]
    chosen = tuple(chosen_archives[name] for name in sorted(chosen_archives))
    places = [item.row.place for item in chosen if isinstance(item.row, _ArchiveRow)]
    table = archives.take(pa.array(places, pa.int64()))
    return Selection(chosen, in_order, dedup, table, tuple(rules), _failed(judging))


def records_of(archives: Iterable[InForce]) -> int:
    """Records of those archives together."""
    return sum(archive.row["records"] for archive in archives)


def spread(archives: Sequence[InForce], records: int) -> list[InForce]:
    """About the fewest archives, evenly spread, that together hold that many records; all where they hold fewer."""
    wanted = 1
    while wanted < len(archives):
        chosen = [archives[number * len(archives) // wanted] for number in range(wanted)]
        if records_of(chosen) >= records:
            return chosen
        wanted += max(wanted // 8, 1)
    return list(archives)


def _choose(rows: Iterable[tuple[StepName, Row]], runs_by_age: Sequence[Row]) -> dict[StepName, InForce]:
    """For every name the row the newest run lists, else the one finished last."""
    committed = {(name, row["fingerprint"]): row for name, row in rows}
    by_age = sorted(committed.items(), key=lambda item: (_finished(item[1]), item[0]))
    chosen = {name: InForce(name, row, None) for (name, _), row in by_age}
    for run in runs_by_age:
        for step in run["steps"]:
            name = (step["step"], step["key"])
            if row := committed.get((name, step["fingerprint"])):
                chosen[name] = InForce(name, row, run["run_id"])
    return chosen


def _searches(run: Row) -> dict[StepName, str]:
    return {(s["step"], s["key"]): s["fingerprint"] for s in run["steps"] if s["step"] == DEDUP}


def _rules(run: Row) -> list[tuple[str, int, Row]]:
    recorded = json.loads(run.get("recipe") or "{}").get("rules", [])
    return [(run["run_id"], position, rule) for position, rule in enumerate(recorded)]


def _failed(runs: Iterable[Row]) -> dict[str, int]:
    counts = Counter[str]()
    for run in runs:
        counts.update({judged["rule"]: judged["failed"] for judged in run.get("judged") or ()})
    return dict(counts)


def _archive_name(row: Row) -> StepName:
    return (ANNOTATE, f"{row['crawl']}/{row['archive']}")


def _finished(row: Row) -> datetime:
    finished: datetime = row["finished_at"]
    return finished
