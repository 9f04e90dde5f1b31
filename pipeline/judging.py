"""Documents through stages: every signal measured, every rule judged, one verdict a document."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.batch import DocumentBatch
from pipeline.signals import Rewritten
from pipeline.stage import LANGUAGE, Columns, Stage, judge


@dataclass
class StageCost:
    """What one stage cost over a batch: rows measured and CPU seconds of this process."""

    rows: int = 0
    cpu_seconds: float = 0.0


@dataclass(frozen=True)
class Verdicts:
    """What `run_stages` found.

    Attributes:
        table: One row a document, in the order given: the given columns and every signal (null: not measured),
            then `dropped_by` (first failing stage; null: kept), `dropped_by_rule`, `failed_rules` (all of them).
        kept: Boolean per row: no rule failed.
        costs: Stage name to its cost, for the `cost` view; the only part that is not a function of the input.
    """

    table: pa.Table
    kept: np.ndarray
    costs: dict[str, StageCost] = field(default_factory=dict)

    @property
    def survivors(self) -> pa.Table:
        """The rows no rule failed, in order."""
        return self.table.filter(pa.array(self.kept))


def run_stages(batch: DocumentBatch, stages: Sequence[Stage]) -> Verdicts:
    """Measure every stage and judge every rule; drop nothing from the result, only say what failed.

    Signals are measured even after a failure (except at a gate), because extraction is the cost, signals are
    nearly free, and measured values are what lets thresholds be moved afterwards.

    Raises:
        ValueError: A stage broke its promise (missing column, wrong type, wrong number of rows).
    """
    run = _Run(batch)
    for stage in stages:
        run.apply(stage)
    return run.verdicts()


class _Run:
    """The state of one pass: all rows, those still measured, and what failed so far."""

    def __init__(self, batch: DocumentBatch) -> None:
        self.rows = batch.num_rows
        self.columns: dict[str, pa.Array[Any]] = {name: batch.column(name) for name in batch.names}
        self.current = batch  # the rows still measured, with their cached words and lines
        self.positions = np.arange(self.rows)  # where each row of `current` sits in the whole
        self.failed = _Failures(self.rows)
        self.costs: dict[str, StageCost] = {}

    def apply(self, stage: Stage) -> None:
        batch, positions = self._scope(stage)
        started = time.process_time()
        computed = stage.compute(batch) if batch.num_rows else _nothing(stage)
        self.costs[stage.name] = StageCost(batch.num_rows, time.process_time() - started)
        _check_promise(stage, computed, batch.num_rows)
        all_rows = len(positions) == self.rows
        for name, _ in stage.promised:
            self.columns[name] = computed[name] if all_rows else self._scatter(computed[name], positions, name)
        gone = self._judge(stage, computed, positions, _languages_of(batch, computed))
        self._advance(stage, computed, batch, gone)

    def _scope(self, stage: Stage) -> tuple[DocumentBatch, np.ndarray]:
        if not stage.survivors_only:
            return self.current, self.positions
        keep = ~self.failed.any_rule[self.positions]
        return self.current.filter(keep), self.positions[keep]

    def _scatter(self, values: pa.Array[Any], positions: np.ndarray, name: str) -> pa.Array[Any]:
        """Spread a subset's values over all rows; the others keep what they had in that column, or null."""
        whole = self.columns[name] if name in self.columns else pa.nulls(self.rows, values.type)
        source = np.arange(self.rows)
        source[positions] = self.rows + np.arange(len(positions))
        return pa.concat_arrays([whole.cast(values.type), values]).take(source)

    def _judge(
        self, stage: Stage, computed: Columns, positions: np.ndarray, languages: pa.Array[Any] | None
    ) -> np.ndarray:
        """Note what failed; true for the rows that failed at a gate."""
        gone = np.zeros(len(positions), dtype=bool)
        if stage.rules:
            failed = ~judge(stage.rules, stage.limits, computed, languages)
            self.failed.note(stage, positions, failed)
            for rule, rows in zip(stage.rules, failed, strict=True):
                if rule.gate:
                    gone |= rows
        return gone

    def _advance(self, stage: Stage, computed: Columns, batch: DocumentBatch, gone: np.ndarray) -> None:
        """Make `current` what the next stage sees: columns added, and past a gate only what passed."""
        if stage.survivors_only:  # its columns cover fewer rows than `current`: take them from the scattered whole
            rows = self.positions
            self.current = self.current.with_columns(
                {name: self.columns[name].take(rows) for name, _ in stage.promised}
            )
            return
        promised = {name: computed[name] for name, _ in stage.promised}
        rewritten = computed.measured if isinstance(computed, Rewritten) else None
        self.current = batch.with_columns(promised, rewritten)
        if gone.any():
            self.current = self.current.filter(~gone)
            self.positions = self.positions[~gone]

    def verdicts(self) -> Verdicts:
        columns = {**self.columns, **self.failed.columns()}
        table = pa.Table.from_arrays(list(columns.values()), names=list(columns))
        return Verdicts(table, ~self.failed.any_rule, self.costs)


class _Failures:
    """Which documents failed which rules, in the order the rules were tried."""

    def __init__(self, rows: int) -> None:
        self.any_rule = np.zeros(rows, dtype=bool)
        self._names: list[tuple[str, str]] = []  # of each rule, its stage and its own
        self._failed = [np.zeros((0, rows), dtype=bool)]  # bool[rules, documents]

    def note(self, stage: Stage, positions: np.ndarray, failed: np.ndarray) -> None:
        """What failed of a stage: bool[rules, len(positions)]."""
        if len(positions) < len(self.any_rule):
            some, failed = failed, np.zeros((len(failed), len(self.any_rule)), dtype=bool)
            failed[:, positions] = some
        self.any_rule |= failed.any(axis=0)
        self._failed.append(failed)
        self._names += [(stage.name, rule.name) for rule in stage.rules]

    def columns(self) -> dict[str, pa.Array[Any]]:
        """`dropped_by`, `dropped_by_rule` and `failed_rules` of every document."""
        failed = np.concatenate(self._failed).T
        rows, rules = np.nonzero(failed)
        offsets = np.searchsorted(rows, np.arange(len(failed) + 1))
        first = np.append(rules, 0)[offsets[:-1]]
        stages, names = _as_arrays(tuple(self._names))
        firsts = pa.array(first, pa.int64(), mask=~self.any_rule)
        failures = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), names.take(pa.array(rules, pa.int64())))
        return {"dropped_by": stages.take(firsts), "dropped_by_rule": names.take(firsts), "failed_rules": failures}


@lru_cache(maxsize=8)
def _as_arrays(pairs: tuple[tuple[str, str], ...]) -> tuple[pa.Array[Any], pa.Array[Any]]:
    """The first and the second of each pair: every batch of a run asks for the same."""
    return pa.array([first for first, _ in pairs], pa.string()), pa.array([second for _, second in pairs], pa.string())


def _languages_of(batch: DocumentBatch, computed: Columns) -> pa.Array[Any] | None:
    """The pages' languages, where a stage has said them."""
    if LANGUAGE in computed:
        return computed[LANGUAGE]
    return batch.column(LANGUAGE) if LANGUAGE in batch.names else None


def _nothing(stage: Stage) -> Columns:
    return {name: pa.array([], type) for name, type in stage.promised}


def _check_promise(stage: Stage, computed: Columns, rows: int) -> None:
    for name, type in stage.promised:
        values = computed.get(name)
        if values is None:
            raise ValueError(f"stage {stage.name} promised column {name} and did not compute it")
        if values.type != type or len(values) != rows:
            raise ValueError(
                f"stage {stage.name}: column {name} is {values.type}[{len(values)}], promised {type}[{rows}]"
            )
