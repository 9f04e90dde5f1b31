"""The verdicts of `flows.what_if.verdicts` on many groups of pages at once: a hundred thousand in a tenth of a second.

A group is a set of rules that its pages failed and a set of the changed rules that they would fail. What
`Move.outcome` says of one is worked out here for all of them, stage by stage, on boolean columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flows.what_if.verdicts import Move

KEPT, DROPPED, UNKNOWN = 0, 1, 2
"""Fates of a judged group."""


@dataclass(frozen=True)
class Tally:
    """Judged groups, a row each.

    Attributes:
        before: boolean[groups, old rules] in the order they judge: which the pages failed.
        failed: boolean[groups, new rules]: which they fail now; those known where the fate is not.
        fate: KEPT, DROPPED or UNKNOWN.
        unknown_at: Index of the first new stage that would judge and has not measured the pages; -1: none.
        reread: Whether the pages must be read again for their rows to be what a full run writes.
    """

    before: np.ndarray
    failed: np.ndarray
    fate: np.ndarray
    unknown_at: np.ndarray
    reread: np.ndarray


def judge(move: Move, before: np.ndarray, failing: np.ndarray) -> Tally:
    """The verdicts on groups that were judged.

    Args:
        move: Old and new stages.
        before: boolean[groups, old rules]: the rules each group failed.
        failing: boolean[groups, changed rules]: those it would fail now, as far as values tell.
    """
    return _Walk(move, _measured(move, before), _failing(move, before, failing)).tally(before)


def _measured(move: Move, before: np.ndarray) -> np.ndarray:
    """boolean[groups, old stages]: `Move.measured`."""
    places = np.array([move.old_rules_at[name][0] for name in move.old_rules], dtype=np.int64)
    gates = np.array([move.old_rules_at[name][1] for name in move.old_rules], dtype=bool)
    stages = np.arange(len(move.old))
    lost, gone = _first(before, places, len(stages)), _first(before[:, gates], places[gates], len(stages))
    lazy = np.array([stage.survivors_only for stage in move.old], dtype=bool)
    found: np.ndarray = (stages <= gone[:, None]) & ~(lazy & (lost[:, None] < stages))
    return found


def _first(failed: np.ndarray, places: np.ndarray, none: int) -> np.ndarray:
    """The stage of the first rule that failed; `none` where none did. Rules are in the order of their stages."""
    if not failed.shape[1]:
        return np.full(len(failed), none)
    return np.where(failed.any(axis=1), places[failed.argmax(axis=1)], none)


def _failing(move: Move, before: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """boolean[groups, new rules]: what fails now as far as values tell."""
    old = {name: column for column, name in enumerate(move.old_rules)}
    changed = {rule.name: column for column, rule in enumerate(move.changed)}
    found = np.zeros((len(before), len(move.new_rules)), bool)
    for column, name in enumerate(move.new_rules):
        found[:, column] = moved[:, changed[name]] if name in changed else before[:, old[name]]
    return found


class _Walk:
    """All groups on their way through the new stages; the same steps as `Move.outcome` takes with one."""

    def __init__(self, move: Move, measured: np.ndarray, failing: np.ndarray) -> None:
        self.move, self.measured, self.failing = move, measured, failing
        groups = len(measured)
        self.failed = np.zeros_like(failing)
        self.lost = np.zeros(groups, bool)  # some rule failed
        self.ended = np.zeros(groups, bool)  # at a gate
        self.stale = np.zeros(groups, bool)
        self.reread = np.zeros(groups, bool)
        self.unknown_at = np.full(groups, -1)
        self.judged_by = np.zeros((groups, len(move.new)), bool)

    def tally(self, before: np.ndarray) -> Tally:
        for number in range(len(self.move.new)):
            self._pass(number)
        self.reread |= self._overlap()
        self.unknown_at[self.lost] = -1
        fate = np.where(self.lost, DROPPED, np.where(self.unknown_at >= 0, UNKNOWN, KEPT))
        return Tally(before, self.failed, fate, self.unknown_at, self.reread)

    def _pass(self, number: int) -> None:
        stage = self.move.new[number]
        names = [old.name for old in self.move.old]
        known = self.measured[:, names.index(stage.name)] if stage.name in names else np.zeros(len(self.lost), bool)
        left_out = ~self.ended & self.lost if stage.survivors_only else np.zeros(len(self.lost), bool)
        self.stale |= left_out & known
        sees = ~self.ended & ~left_out
        self.judged_by[:, number] = sees
        unknown = sees & ~known
        self.reread |= unknown | (sees & known & self.stale)
        if stage.rules:
            self.unknown_at[unknown & ~self.lost & (self.unknown_at < 0)] = number
        columns = [c for c, name in enumerate(self.move.new_rules) if self.move.stage_of[name] == stage.name]
        found = self.failing[:, columns] & (sees & known)[:, None]
        self.failed[:, columns] = found
        self.lost |= found.any(axis=1)
        gates = [place for place, column in enumerate(columns) if self.move.is_gate(self.move.new_rules[column])]
        self.ended |= found[:, gates].any(axis=1)

    def _overlap(self) -> np.ndarray:
        """Whether a stage that would not run wrote over a column of one that would: a question of few patterns."""
        flags = np.hstack([self.judged_by, self.measured])
        codes = flags @ (1 << np.arange(flags.shape[1], dtype=np.uint64))  # a recipe has some ten stages
        _, first, which = np.unique(codes, return_index=True, return_inverse=True)
        found = [
            self.move.overlap(
                [stage.name for stage, sees in zip(self.move.new, self.judged_by[row], strict=True) if sees],
                [stage.name for stage, saw in zip(self.move.old, self.measured[row], strict=True) if saw],
            )
            for row in first
        ]
        return np.array(found, bool)[which]
