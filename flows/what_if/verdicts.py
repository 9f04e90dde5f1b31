"""What other limits would have said of a page, from what the ledger says of it.

The ledger holds every rule a page failed and every signal it was measured for. Rules that did not change keep their
verdict; those that did are judged again, over their signal's column. Where a page was measured no further
(it failed a gate, or a costly stage takes survivors only) and now would be, the ledger has no answer: the page must
be read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa

from flows.annotate_rows import WORKING_COLUMNS
from pipeline.stage import LANGUAGE, Stage

Fate = Literal["kept", "dropped", "unknown"]


class Outcome(NamedTuple):
    """A page's verdict under the new stages.

    Attributes:
        fate: kept or dropped; unknown where a stage that may judge has not measured the page.
        failed: Rules that failed, in the order they judge; those known where the page is to be read again.
        judged_by: Names of the stages that would measure it; of columns of the others nothing may stay.
        reread: Whether the page must be read again for its row (and text) to be what a full run writes.
        unknown_at: The first stage that has not measured it; None where the fate is known.
    """

    fate: Fate
    failed: tuple[str, ...]
    judged_by: frozenset[str]
    reread: bool
    unknown_at: str | None = None


def gates_of(stage: Stage) -> set[str]:
    """Rules of a stage that end a page's way; one that sees survivors only ends none (see `run_stages`)."""
    return set() if stage.survivors_only else {rule.name for rule in stage.rules if rule.gate}


class Move:
    """Old and new stages of one kind of source, which measure the same and judge differently.

    Attributes:
        changed: Rules of the new stages that the old ones do not have in this form, in order.
        stage_of: Stage of every rule, old and new.
        old_rules, new_rules: Names of the rules, in the order they judge.
        old_rules_at: Place of the stage of every old rule, and whether the rule ends a page's way.
    """

    def __init__(self, old: Sequence[Stage], new: Sequence[Stage]) -> None:
        self.old, self.new = tuple(old), tuple(new)
        before = {rule.name: (rule.sql(), rule.gate) for stage in old for rule in stage.rules}
        judging = [rule for stage in new for rule in stage.rules]
        values = {name: value for stage in self.restated if stage.follows for name, value in stage.follows.sql.items()}
        self._sql = {rule.name: rule.sql(values.get(rule.signal, "")) for rule in judging}
        self.changed = tuple(rule for rule in judging if before.get(rule.name) != (self._sql[rule.name], rule.gate))
        self.stage_of = {rule.name: stage.name for stage in (*old, *new) for rule in stage.rules}
        self._changed_names = frozenset(rule.name for rule in self.changed)
        self._old_place = {stage.name: place for place, stage in enumerate(old)}
        self.old_rules_at = {
            rule.name: (place, rule.name in gates_of(stage)) for place, stage in enumerate(old) for rule in stage.rules
        }
        self.old_rules = tuple(self.old_rules_at)
        self.new_rules = tuple(rule.name for rule in judging)
        self._order = {name: order for order, name in enumerate(self.new_rules)}
        self._gates = frozenset(name for stage in new for name in gates_of(stage))
        self._known: dict[tuple[tuple[str, ...], int], Outcome] = {}
        self._sets: dict[tuple[str, ...], tuple[frozenset[str], bool]] = {}

    @property
    def restated(self) -> list[Stage]:
        """New stages with columns whose values change and can be computed from other columns of the ledger."""
        before = {stage.name: stage.follows.sql for stage in self.old if stage.follows}
        return [s for s in self.new if s.follows and before.get(s.name, s.follows.sql) != s.follows.sql]

    def mask_sql(self) -> str:
        """An SQL expression over `pages`: bit i is set where rule i of `changed` fails."""
        kind = "BIGINT" if len(self.changed) < 63 else "HUGEINT"
        bits = [
            f"CASE WHEN {self._sql[rule.name]} THEN 0 ELSE {1 << i}::{kind} END" for i, rule in enumerate(self.changed)
        ]
        return " + ".join(bits) if bits else f"0::{kind}"

    def reads(self) -> list[str]:
        """Columns of `pages` that the changed rules look at."""
        restated = {name: stage.follows for stage in self.restated if stage.follows for name in stage.follows.sql}
        names = [
            name
            for rule in self.changed
            for name in (restated[rule.signal].reads if rule.signal in restated else (rule.signal,))
        ]
        if any(LANGUAGE in stage.adds.names for stage in self.old):  # else no page is in any
            names += [LANGUAGE for rule in self.changed if rule.languages or rule.not_languages]
        return list(dict.fromkeys(names))

    def failing(self, rows: pa.Table) -> list[np.ndarray]:
        """Of each rule of `changed`, boolean[rows]: whether the pages fail it; `mask_sql` by the rules themselves.

        Args:
            rows: Rows of `pages` with the columns of `reads`.
        """
        columns = {name: rows[name].combine_chunks() for name in self.reads()}
        languages = columns.get(LANGUAGE)
        for stage in self.restated:
            columns |= stage.follows.restate(rows) if stage.follows else {}
        return [~rule.passes(columns[rule.signal], languages) for rule in self.changed]

    def outcome(self, failed: Sequence[str], mask: int) -> Outcome:
        """The verdict on a judged page, given the rules it failed and its value of `mask_sql`."""
        key = (tuple(failed), mask)
        if key not in self._known:
            self._known[key] = self._judge(key[0], mask)
        return self._known[key]

    def _judge(self, before: tuple[str, ...], mask: int) -> Outcome:
        measured = self.measured(before)
        failing = self._failing(before, mask)
        failed: list[str] = []
        judged_by: list[str] = []
        unknown_at, reread, stale = None, False, False
        for stage in self.new:
            name = stage.name
            if stage.survivors_only and failed:
                stale = stale or name in measured  # later stages saw a text that now they would not see
                continue
            judged_by.append(name)
            if name not in measured:
                reread = True
                unknown_at = unknown_at or (name if stage.rules and not failed else None)
                continue
            reread = reread or stale
            if lost := failing.get(name):
                failed += lost
                if not self._gates.isdisjoint(lost):
                    break
        stages, overlap = self._set(tuple(judged_by), measured)
        fate: Fate = "dropped" if failed else "unknown" if unknown_at else "kept"
        return Outcome(fate, tuple(failed), stages, reread or overlap, unknown_at if fate == "unknown" else None)

    def measured(self, failed: Sequence[str]) -> list[str]:
        """The old stages that measured a page which failed those rules."""
        lost = gone = len(self.old)
        for name in failed:
            place, gate = self.old_rules_at[name]
            lost = min(lost, place)
            gone = min(gone, place) if gate else gone
        return [s.name for i, s in enumerate(self.old[: gone + 1]) if not (s.survivors_only and lost < i)]

    def _failing(self, before: Sequence[str], mask: int) -> dict[str, list[str]]:
        """Rules the page fails now as far as its values tell, by stage, in order."""
        names = [name for name in before if name in self._order and name not in self._changed_names]
        if mask:
            names += [rule.name for i, rule in enumerate(self.changed) if mask >> i & 1]
            names.sort(key=self._order.__getitem__)
        by_stage: dict[str, list[str]] = {}
        for name in names:
            by_stage.setdefault(self.stage_of[name], []).append(name)
        return by_stage

    def _set(self, judged_by: tuple[str, ...], measured: Sequence[str]) -> tuple[frozenset[str], bool]:
        """The stages as a set; and whether one that would not have run wrote over a column of one that would: what
        that had is lost."""
        key = (*judged_by, "", *measured)
        if key not in self._sets:
            self._sets[key] = frozenset(judged_by), self.overlap(judged_by, measured)
        return self._sets[key]

    def overlap(self, judged_by: Sequence[str], measured: Sequence[str]) -> bool:
        """Whether an old stage that would not have run wrote over a column of a new one that would."""
        undone = set(measured) - set(judged_by)
        lost = {name for stage in self.old if stage.name in undone for name in stage.adds.names}
        kept = {name for stage in self.new if stage.name in judged_by for name in stage.adds.names}
        return bool((lost & kept) - WORKING_COLUMNS)

    def is_gate(self, rule: str) -> bool:
        """Whether a page that fails that new rule is measured no further."""
        return rule in self._gates
