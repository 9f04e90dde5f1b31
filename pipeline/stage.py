"""Signals are functions, rules are data, verdicts are rows: the one abstraction of the pipeline.

A `Stage` measures (its `compute`) and judges (its `rules`). It adds or rewrites columns and never drops, reorders
or sees another shard. `pipeline.judging.run_stages` alone decides which documents go on, and leaves one verdict a
document.

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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.batch import DocumentBatch
from pipeline.signals import Signals

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
    names = [rule.signal for rule in rules]
    if isinstance(computed, Signals):
        values = computed.numbers(names)
    else:
        values = np.array([_numbers(computed[name]) for name in names])
    passed: np.ndarray = (values >= limits[0]) & (values <= limits[1])  # NaN, a null here, compares false
    for place, rule in enumerate(rules):
        if rule.languages or rule.not_languages:
            passed[place] |= ~rule.judges(languages, len(passed[place]))
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
