"""What other limits would have said of a page, from what the ledger says of it.

The ledger holds every rule a page failed and every signal it was measured for. Rules that did not change keep their
verdict; those that did are judged again, by SQL over their signal's column. Where a page was measured no further
(it failed a gate, or a costly stage takes survivors only) and now would be, the ledger has no answer: the page must
be read again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from flows.annotate_rows import WORKING_COLUMNS
from pipeline.stage import Rule, Stage

Fate = Literal["kept", "dropped", "unknown"]


@dataclass(frozen=True)
class Outcome:
    """A page's verdict under the new stages.

    Attributes:
        fate: kept or dropped; unknown where a stage that may judge has not measured the page.
        failed: Rules that failed, in the order they judge; those known where the fate is not.
        judged_by: Names of the stages that would measure it; of columns of the others nothing may stay.
        reread: Whether the page must be read again for its row (and text) to be what a full run writes.
        unknown_at: The first stage that has not measured it; None where the fate is known.
    """

    fate: Fate
    failed: tuple[str, ...]
    judged_by: frozenset[str]
    reread: bool
    unknown_at: str | None = None


@dataclass
class Move:
    """Old and new stages of one kind of source, which measure the same and judge differently."""

    old: tuple[Stage, ...]
    new: tuple[Stage, ...]
    _known: dict[tuple[tuple[str, ...], int], Outcome] = field(default_factory=dict, repr=False)

    @cached_property
    def changed(self) -> tuple[Rule, ...]:
        """Rules of the new stages that the old ones do not have in this form, in order."""
        before = {rule.name: rule for stage in self.old for rule in stage.rules}
        return tuple(rule for stage in self.new for rule in stage.rules if before.get(rule.name) != rule)

    def mask_sql(self) -> str:
        """An SQL expression over `pages`: bit i is set where rule i of `changed` fails."""
        bits = [f"CASE WHEN {rule.sql()} THEN 0 ELSE {1 << i}::HUGEINT END" for i, rule in enumerate(self.changed)]
        return " + ".join(bits) if bits else "0::HUGEINT"

    def outcome(self, failed: Sequence[str], mask: int) -> Outcome:
        """The verdict on a judged page, given the rules it failed and its value of `mask_sql`."""
        key = (tuple(failed), mask)
        if key not in self._known:
            bits = {rule.name: bool(mask >> i & 1) for i, rule in enumerate(self.changed)}
            self._known[key] = _walk(self.new, measured_by(self.old, failed), set(failed), bits)
        return self._known[key]

    @cached_property
    def stage_of(self) -> dict[str, str]:
        """Stage of every rule, old and new."""
        return {rule.name: stage.name for stage in (*self.old, *self.new) for rule in stage.rules}


def measured_by(stages: Sequence[Stage], failed: Sequence[str]) -> dict[str, Stage]:
    """The stages that measured a page which failed those rules, by name."""
    seen: dict[str, Stage] = {}
    lost, gone = False, False
    names = set(failed)
    for stage in stages:
        if gone:
            break
        if stage.survivors_only and lost:
            continue
        seen[stage.name] = stage
        lost |= any(rule.name in names for rule in stage.rules)
        gone |= any(rule.name in names and rule.gate for rule in stage.rules)
    return seen


def _walk(
    stages: Sequence[Stage], measured: Mapping[str, Stage], before: Set[str], changed: Mapping[str, bool]
) -> Outcome:
    failed: list[str] = []
    judged_by: list[str] = []
    unknown_at, reread, stale = None, False, False
    for stage in stages:
        if stage.survivors_only and failed:
            stale |= stage.name in measured  # later stages saw a text that now they would not see
            continue
        judged_by.append(stage.name)
        if stage.name not in measured:
            reread = True
            unknown_at = unknown_at or (stage.name if stage.rules and not failed else None)
            continue
        reread |= stale
        lost = [r for r in stage.rules if changed.get(r.name, r.name in before)]
        failed.extend(rule.name for rule in lost)
        if any(rule.gate for rule in lost):
            break
    reread |= _shares_columns(set(measured) - set(judged_by), judged_by, stages)
    fate: Fate = "dropped" if failed else "unknown" if unknown_at else "kept"
    return Outcome(fate, tuple(failed), frozenset(judged_by), reread, unknown_at if fate == "unknown" else None)


def _shares_columns(undone: Set[str], judged_by: Sequence[str], stages: Sequence[Stage]) -> bool:
    """Whether a stage that would not have run wrote over a column of one that would: what that had is lost."""
    lost = {name for stage in stages if stage.name in undone for name in stage.adds.names}
    kept = {name for stage in stages if stage.name in judged_by for name in stage.adds.names}
    return bool((lost & kept) - WORKING_COLUMNS)
