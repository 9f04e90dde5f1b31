"""Signals are functions, rules are data, verdicts are rows: the one abstraction of the pipeline.

A `Stage` measures (its `compute`) and judges (its `rules`). It adds or rewrites columns and never drops, reorders
or sees another shard. `run_stages` alone decides which documents go on, and leaves one verdict a document.

Adding a filter is one small file:

    def compute(batch: DocumentBatch) -> Columns:
        upper = [sum(map(str.isupper, text)) / max(len(text), 1) for text in batch.texts]
        return {"upper_char_frac": pa.array(upper, pa.float64())}

    def shouting(max_upper_frac: float = 0.3) -> Stage:
        adds = pa.schema([signal("upper_char_frac", "characters that are upper case", unit="fraction")])
        rule = Rule("shouting.upper_char_frac", "upper_char_frac", high=max_upper_frac)
        return Stage("shouting", adds, compute, (rule,))
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.batch import DocumentBatch, Rewritten, Signals

Columns = Mapping[str, "pa.Array[Any]"]

LANGUAGE = "language"
"""The column that says which rules judge a page, where rules differ by language."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A closed interval that a signal must lie in; data, so that it can be printed, hashed and run as SQL.

    Args:
        name: `stage.signal`, for example "gopher.word_count".
        signal: The column it reads (float64, or anything that compares with a float).
        low: Smallest value that passes; None for no floor.
        high: Largest value that passes; None for no ceiling.
        knob: Recipe key that moves the limit, for example "gopher.min_words".
        expected_drop: Band (low, high), fractions of the pages measured, outside which a drop rate is an alarm.

        gate: A document that fails this is measured no further (its later signals are null): for a page without
            text, or in a language nobody asked for.
        languages: The rule judges only pages in these languages; empty: pages in any.
        not_languages: It does not judge pages in these, which have a rule of their own.

    A null or NaN signal fails: what could not be measured was not found good.
    """

    name: str
    signal: str
    low: float | None = None
    high: float | None = None
    knob: str = ""
    expected_drop: tuple[float, float] = (0.0, 0.999)
    gate: bool = False
    languages: tuple[str, ...] = ()
    not_languages: tuple[str, ...] = ()

    def passes(self, values: pa.Array[Any], languages: pa.Array[Any] | None = None) -> np.ndarray:
        """Boolean per value; agrees with `sql()` on every value, the limits themselves included.

        Args:
            values: The signal.
            languages: The pages' languages (string; null: not known); None: of none of them.

        A page that the rule does not judge passes.
        """
        passed: np.ndarray = judge((self,), _limits_of((self,)), {self.signal: values}, languages)[0]
        return passed

    def judges(self, languages: pa.Array[Any] | None, rows: int) -> np.ndarray:
        """Boolean per page: whether the rule judges pages in its language."""
        if not self.languages and not self.not_languages:
            return np.ones(rows, dtype=bool)
        known = pa.nulls(rows, pa.string()) if languages is None else languages
        judged: np.ndarray = _among(known, self.languages) if self.languages else np.ones(rows, dtype=bool)
        rest: np.ndarray = judged & ~_among(known, self.not_languages)
        return rest

    def judges_sql(self) -> str:
        """The same as an SQL expression over a table with a column `language`; never null."""
        tests = [_among_sql(self.languages)] if self.languages else []
        tests += [f"NOT {_among_sql(self.not_languages)}"] if self.not_languages else []
        return " AND ".join(tests) or "true"

    def sql(self, value: str = "") -> str:
        """The test of `passes` as an SQL expression over a table that has the signal as a column (and
        `language`, where the rule is not for all); never null. `value` is an expression to judge in its place."""
        column = f"CAST({value} AS DOUBLE)" if value else f'CAST("{self.signal}" AS DOUBLE)'
        tests = [f"{column} IS NOT NULL", f"NOT isnan({column})"]
        if self.low is not None:
            tests.append(f"{column} >= '{self.low!r}'::DOUBLE")  # a bare 0.1 would be a decimal, inf a name
        if self.high is not None:
            tests.append(f"{column} <= '{self.high!r}'::DOUBLE")
        within = "coalesce(" + " AND ".join(tests) + ", false)"
        return within if self.judges_sql() == "true" else f"({within} OR NOT ({self.judges_sql()}))"


def judge(rules: Sequence[Rule], limits: np.ndarray, computed: Columns, languages: pa.Array[Any] | None) -> np.ndarray:
    """bool[rules, documents]: which of the documents pass which rules. `limits`: float64[2, rules, 1], the rules'."""
    passed: np.ndarray
    known = computed.numbers if isinstance(computed, Signals) else {}
    values = np.array(
        [known[rule.signal] if rule.signal in known else _numbers(computed[rule.signal]) for rule in rules]
    )
    passed = (values >= limits[0]) & (values <= limits[1])  # NaN, which is also Arrow's null here, compares false
    for row, rule in zip(passed, rules, strict=True):
        if rule.languages or rule.not_languages:
            row |= ~rule.judges(languages, len(row))
    return passed


def _limits_of(rules: Sequence[Rule]) -> np.ndarray:
    lows = [-np.inf if rule.low is None else rule.low for rule in rules]
    highs = [np.inf if rule.high is None else rule.high for rule in rules]
    return np.array([lows, highs], np.float64)[:, :, np.newaxis]


def _numbers(values: pa.Array[Any]) -> np.ndarray:
    column = values if pa.types.is_float64(values.type) else pc.cast(values, pa.float64())
    numbers: np.ndarray = column.to_numpy(zero_copy_only=False)
    return numbers


def _among(values: pa.Array[Any], wanted: tuple[str, ...]) -> np.ndarray:
    found = pc.is_in(values, value_set=pa.array(wanted, pa.string()))
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)


def _among_sql(wanted: tuple[str, ...]) -> str:
    quoted = ", ".join("'" + language.replace("'", "''") + "'" for language in wanted)
    return f'coalesce("{LANGUAGE}" IN ({quoted}), false)'


@dataclass(frozen=True, slots=True)
class Follows:
    """Columns of a stage that follow from others it stored and from settings: what moves those reads nothing again.

    A page that only the new settings let past the stage's gate is the exception: it is read again.

    Args:
        settings: Names of the arguments of `compute` that decide these columns and nothing else.
        reads: The stage's stored columns that they follow from.
        sql: Column to an SQL expression, over those, of its value under these settings.
        restate: The same as a function of a table that has them; it agrees with `sql` on every row.
    """

    settings: frozenset[str]
    reads: tuple[str, ...]
    sql: Mapping[str, str]
    restate: Callable[[pa.Table], Columns]


@dataclass(frozen=True, slots=True)
class Stage:
    """One measurement of documents and the rules that judge it.

    Args:
        name: Short noun; the prefix of its rules' names.
        adds: Columns `compute` promises, typed, each with `doc` and `unit` in its metadata. A name that the batch
            already has is rewritten (for example `text`).
        compute: Pure function of a batch: same number of rows, same order.
        rules: What must hold of the columns added.
        version: Raised whenever the meaning of a column changes; part of the fingerprint, so of the output's path.
        survivors_only: Run only on documents that no earlier rule failed: for costly steps that do not judge.
        follows: What of its columns can be told anew from the others when settings move.
    """

    name: str
    adds: pa.Schema
    compute: Callable[[DocumentBatch], Columns]
    rules: tuple[Rule, ...] = ()
    version: int = 1
    survivors_only: bool = False
    follows: Follows | None = None
    promised: tuple[tuple[str, pa.DataType], ...] = field(init=False, repr=False, compare=False)
    """Names and types of `adds`: a schema makes its fields anew each time it is asked, which a batch would notice."""
    limits: np.ndarray = field(init=False, repr=False, compare=False)
    """float64[2, rules, 1]: the rules' lowest and highest values, for `judge`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "promised", tuple(zip(self.adds.names, self.adds.types, strict=True)))
        object.__setattr__(self, "limits", _limits_of(self.rules))


def signal(
    name: str, doc: str, unit: str = "", type: pa.DataType | None = None, null: str = "not measured"
) -> pa.Field[Any]:
    """A column a stage adds: float64 unless told otherwise, so that Arrow and DuckDB agree on every limit."""
    return pa.field(name, type or pa.float64(), metadata={"doc": doc, "unit": unit, "null": null})


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
        for name, _ in stage.promised:
            all_rows = len(positions) == self.rows
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
        self.current = batch.with_columns(computed if isinstance(computed, Rewritten) else promised)
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
        self._rows, self._rules = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]  # a document and a rule it failed

    def note(self, stage: Stage, positions: np.ndarray, failed: np.ndarray) -> None:
        """What failed of a stage: bool[rules, len(positions)]."""
        rules, documents = np.nonzero(failed)
        rows = positions[documents]
        self.any_rule[rows] = True
        self._rows.append(rows)
        self._rules.append(rules + len(self._names))
        self._names += [(stage.name, rule.name) for rule in stage.rules]

    def columns(self) -> dict[str, pa.Array[Any]]:
        """`dropped_by`, `dropped_by_rule` and `failed_rules` of every document."""
        rows, rules = np.concatenate(self._rows), np.concatenate(self._rules)
        rules = rules[np.argsort(rows, kind="stable")]
        offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(self.any_rule)))])
        first = np.append(rules, 0)[offsets[:-1]]
        stages, names = _as_arrays(tuple(self._names))
        firsts = pa.array(first, pa.int64(), mask=~self.any_rule)
        failed = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), names.take(pa.array(rules, pa.int64())))
        return {"dropped_by": stages.take(firsts), "dropped_by_rule": names.take(firsts), "failed_rules": failed}


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
