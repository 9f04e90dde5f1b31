"""Which finished files are in force: of every archive and step those of the newest run that lists it.

A lake keeps what every recipe made; nothing is overwritten. An archive or step that no run lists is in force
as its newest row has it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
        return [output["path"] for output in self.row["outputs"] if output["table"] == table]


@dataclass(frozen=True, slots=True)
class Selection:
    """What the views show, in the order of their names.

    Attributes:
        archives: Rows of archives.
        steps: Rows of whole-corpus steps; a crawl may have several searches for duplicates in force, each for
            the archives of another run.
        dedup: Fingerprint of the search for duplicates that an archive took part in, by the archive's name.
        rules: Run, place and rule, as recorded, of every rule of a run that put an archive in force.
    """

    archives: tuple[InForce, ...]
    steps: tuple[InForce, ...]
    dedup: Mapping[StepName, str]
    rules: tuple[tuple[str, int, Row], ...] = ()

    def archive_files(self, table: str) -> list[str]:
        """Files of one table, of all archives in force."""
        return [path for archive in self.archives for path in archive.files(table)]

    def steps_with(self, table: str) -> list[InForce]:
        """The steps in force that wrote files of one table."""
        return [step for step in self.steps if step.files(table)]


def select(archives: Iterable[Row], steps: Iterable[Row], runs: Iterable[Row]) -> Selection:
    """The rows in force among all that are committed: rows of `ARCHIVES`, `STEPS` and `RUNS`.

    A row may have further columns, such as the file it was read from; they are kept.
    """
    by_age = sorted(runs, key=lambda run: (run["finished_at"] or run["started_at"], run["run_id"]))
    chosen_archives = _choose(((_archive_name(row), row) for row in archives), by_age)
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
    rules = [rule for run in by_age if run["run_id"] in in_force for rule in _rules(run)]
    chosen = tuple(chosen_archives[name] for name in sorted(chosen_archives))
    return Selection(chosen, in_order, dedup, tuple(rules))


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


def _archive_name(row: Row) -> StepName:
    return (ANNOTATE, f"{row['crawl']}/{row['archive']}")


def _finished(row: Row) -> datetime:
    finished: datetime = row["finished_at"]
    return finished
