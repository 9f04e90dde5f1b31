"""Whole-corpus steps (dedup, mix, tokens): done once, known by their row in the lake's `steps` table."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from storage import schema
from storage.errors import UserError
from storage.files import exists
from storage.lake import Lake
from storage.lease import committing
from storage.shards import Output, read_table, write_table


@dataclass(frozen=True)
class Step:
    """A finished step: where it came from and what it wrote."""

    step: str
    key: str
    fingerprint: str
    outputs: tuple[Output, ...]
    summary: Mapping[str, Any]

    def outputs_of(self, table: str) -> list[Output]:
        """The files of one table."""
        return [output for output in self.outputs if output.table == table]


Work = Callable[[], tuple[Sequence[Output], Mapping[str, Any]]]
"""A step's body: writes its files, returns them and a JSON-able summary."""


def run_step(lake: Lake, step: str, key: str, fingerprint: str, work: Work) -> Step:
    """Do a step unless its row says it is done; either way, what it wrote."""
    path = lake.step_path(step, key, fingerprint)
    if exists(lake.absolute(path)):
        return _from_row(read_table(lake.absolute(path)).to_pylist()[0])
    started = (time.process_time(), time.perf_counter())
    outputs, summary = work()
    cost = _cost_row(step, key, fingerprint, sum(output.rows for output in outputs), started)
    with committing(lake.root):
        return _commit(lake, path, (step, key, fingerprint), outputs, summary, cost)


def _commit(
    lake: Lake,
    path: str,
    name: tuple[str, str, str],
    outputs: Sequence[Output],
    summary: Mapping[str, Any],
    cost: Mapping[str, Any],
) -> Step:
    step, key, fingerprint = name
    costs = write_table(lake.root, lake.costs_path(*name), "costs", pa.Table.from_pylist([dict(cost)], schema.COSTS))
    row = {
        "step": step,
        "key": key,
        "fingerprint": fingerprint,
        "summary": json.dumps(summary, sort_keys=True),
        "outputs": [output.to_dict() for output in (*outputs, costs)],
        "finished_at": datetime.now(UTC),
    }
    write_table(lake.root, path, "steps", pa.Table.from_pylist([row], schema.STEPS))
    return _from_row(row)


def find_step(lake: Lake, step: str, key: str | None, hint: str, fingerprint: str | None = None) -> Step:
    """The newest finished step of that kind, of any key (of any fingerprint) where None is given.

    Raises:
        UserError: There is none; with `hint`.
    """
    rows = [
        row
        for row in lake.rows("steps")
        if row["step"] == step and key in (None, row["key"]) and fingerprint in (None, row["fingerprint"])
    ]
    if not rows:
        raise UserError(f"the lake {lake.root} has no finished {step}{f' of {key}' if key else ''}.", hint)
    return _from_row(max(rows, key=lambda row: (row["finished_at"], row["fingerprint"])))


def _from_row(row: Mapping[str, Any]) -> Step:
    outputs = tuple(Output.from_dict(output) for output in row["outputs"])
    return Step(row["step"], row["key"], row["fingerprint"], outputs, json.loads(row["summary"]))


def _cost_row(step: str, key: str, fingerprint: str, rows: int, started: tuple[float, float]) -> dict[str, Any]:
    return {
        "step": step,
        "archive": key,
        "fingerprint": fingerprint,
        "stage": "all",
        "rows": rows,
        "cpu_seconds": time.process_time() - started[0],
        "wall_seconds": time.perf_counter() - started[1],
    }
