"""Verdicts derived from the ledger are those that running the stages under the new limits gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.what_if.tally import judge
from flows.what_if.verdicts import Move
from pipeline.batch import DocumentBatch
from pipeline.judging import run_stages
from pipeline.stage import Rule, Stage, signal

SIGNALS = ("a", "b", "c", "d", "e")
VALUES = st.sampled_from([None, 0.0, 1.0, 2.0, 3.0, float("nan")])
LIMIT = st.sampled_from([None, 1.0, 2.0])
COLUMNS = st.lists(st.tuples(*[VALUES] * len(SIGNALS)), min_size=1, max_size=8)


def stages(lows: tuple[float | None, ...], gates: tuple[bool, ...], lazy: tuple[bool, ...]) -> tuple[Stage, ...]:
    """A stage a signal, which copies a source column; some judge, some are gates, some see survivors only."""
    made = []
    for name, low, gate, only in zip(SIGNALS, lows, gates, lazy, strict=True):

        def compute(batch: DocumentBatch, source: str = f"source_{name}") -> Mapping[str, pa.Array]:
            return {source[-1]: batch.column(source)}

        rules = (Rule(f"{name}.x", name, low=low, gate=gate),) if low is not None else ()
        made.append(Stage(name, pa.schema([signal(name, "a copy")]), compute, rules, survivors_only=only))
    return tuple(made)


def mask_of(move: Move, row: Mapping[str, Any]) -> int:
    """What `Move.mask_sql` gives, by the rules themselves."""
    failed = (not rule.passes(pa.array([row[rule.signal]], pa.float64()))[0] for rule in move.changed)
    return sum(1 << i for i, fails in enumerate(failed) if fails)


@given(
    rows=COLUMNS, old=st.tuples(*[LIMIT] * 5), new=st.tuples(*[LIMIT] * 5), gates=st.tuples(*[st.booleans()] * 5),
    lazy=st.tuples(*[st.booleans()] * 5),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_a_derived_verdict_is_that_of_a_run(
    rows: list[tuple[float | None, ...]], old: tuple[Any, ...], new: tuple[Any, ...], gates: tuple[bool, ...],
    lazy: tuple[bool, ...],
) -> None:  # fmt: skip
    batch = DocumentBatch({f"source_{n}": pa.array([r[i] for r in rows], pa.float64()) for i, n in enumerate(SIGNALS)})
    move = Move(stages(old, gates, lazy), stages(new, gates, lazy))
    ledger = run_stages(batch, move.old).table.to_pylist()
    wanted = run_stages(batch, move.new).table.to_pylist()
    for row, truth in zip(ledger, wanted, strict=True):
        outcome = move.outcome(row["failed_rules"], mask_of(move, row))
        assert (outcome.unknown_at is not None) == (outcome.fate == "unknown")
        if outcome.reread:
            continue
        assert outcome.fate == ("dropped" if truth["failed_rules"] else "kept")
        assert list(outcome.failed) == truth["failed_rules"]
        for name in SIGNALS:
            derived = row[name] if name in outcome.judged_by else None
            np.testing.assert_equal(derived, truth[name])


@given(
    rows=COLUMNS, old=st.tuples(*[LIMIT] * 5), new=st.tuples(*[LIMIT] * 5), gates=st.tuples(*[st.booleans()] * 5),
    lazy=st.tuples(*[st.booleans()] * 5),
)  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_many_groups_at_once_are_judged_as_each_alone(
    rows: list[tuple[float | None, ...]], old: tuple[Any, ...], new: tuple[Any, ...], gates: tuple[bool, ...],
    lazy: tuple[bool, ...],
) -> None:  # fmt: skip
    batch = DocumentBatch({f"source_{n}": pa.array([r[i] for r in rows], pa.float64()) for i, n in enumerate(SIGNALS)})
    move = Move(stages(old, gates, lazy), stages(new, gates, lazy))
    ledger = run_stages(batch, move.old).table
    masks = [mask_of(move, row) for row in ledger.to_pylist()]
    fails = np.array([[bool(mask >> bit & 1) for bit in range(len(move.changed))] for mask in masks], bool)
    assert np.array_equal(np.stack([*move.failing(ledger), np.zeros(len(rows), bool)], axis=1)[:, :-1], fails)
    before = [[name in failed for name in move.old_rules] for failed in ledger["failed_rules"].to_pylist()]
    found = judge(move, np.array(before, bool).reshape(len(rows), -1), fails)
    for number, row in enumerate(ledger.to_pylist()):
        one = move.outcome(row["failed_rules"], masks[number])
        names = [name for name, fails in zip(move.new_rules, found.failed[number], strict=True) if fails]
        at = found.unknown_at[number]
        assert ("kept", "dropped", "unknown")[found.fate[number]] == one.fate
        assert (tuple(names), bool(found.reread[number])) == (one.failed, one.reread)
        assert (move.new[at].name if at >= 0 else None) == one.unknown_at


@given(rows=COLUMNS, lows=st.tuples(*[LIMIT] * 5), gates=st.tuples(*[st.booleans()] * 5))
@settings(max_examples=50, deadline=None)
def test_the_same_limits_change_nothing_and_read_nothing(
    rows: list[tuple[float | None, ...]], lows: tuple[Any, ...], gates: tuple[bool, ...]
) -> None:
    batch = DocumentBatch({f"source_{n}": pa.array([r[i] for r in rows], pa.float64()) for i, n in enumerate(SIGNALS)})
    same = stages(lows, gates, (False,) * 5)
    move = Move(same, same)
    for row in run_stages(batch, same).table.to_pylist():
        outcome = move.outcome(row["failed_rules"], 0)
        assert (list(outcome.failed), outcome.reread) == (row["failed_rules"], False)


def test_a_page_let_past_a_gate_is_unknown_unless_another_rule_of_that_stage_drops_it() -> None:
    gate, other = Rule("a.gate", "a", low=2, gate=True), Rule("a.other", "b", low=1)
    first = Stage("a", pa.schema([signal("a", "x"), signal("b", "x")]), dict, (gate, other))
    last = Stage("c", pa.schema([signal("c", "x")]), dict, (Rule("c.c", "c", low=1),))
    open_gate = Stage("a", first.adds, dict, (Rule("a.gate", "a", low=1, gate=True), other))
    move = Move((first, last), (open_gate, last))
    assert move.outcome(["a.gate"], 0)[::4] == ("unknown", "c")
    both = move.outcome(["a.gate", "a.other"], 0)
    assert (both.fate, both.failed, both.reread) == ("dropped", ("a.other",), True)  # later signals are to be had


def test_a_rule_that_is_switched_off_or_new_counts_as_changed() -> None:
    none, low = stages((None,) * 5, (False,) * 5, (False,) * 5), stages((1.0, *(None,) * 4), (False,) * 5, (False,) * 5)
    assert [rule.name for rule in Move(none, low).changed] == ["a.x"]
    assert Move(low, none).changed == () and Move(low, none).outcome(["a.x"], 0).fate == "kept"


@pytest.mark.parametrize("rules", [1, 62, 63, 100])
def test_masks_hold_any_number_of_rules(rules: int) -> None:
    limits = tuple(Rule(f"a.{n}", "a", low=n) for n in range(rules))
    stage = Stage("a", pa.schema([signal("a", "x")]), dict, limits)
    move = Move((Stage("a", stage.adds, dict),), (stage,))
    assert len(move.outcome([], (1 << rules) - 1).failed) == rules
    assert ("HUGEINT" in move.mask_sql()) == (rules > 62)
