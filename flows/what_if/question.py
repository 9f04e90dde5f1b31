"""`winnow what-if`: the question put to the ledger, and the counts that answer it.

`flows.what_if.groups` counts pages by the rules they failed and those they would fail now; here the counts are told as
funnels, rules and sums.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from flows.recipe import Recipe, changed_recipe, load_recipe, whole
from flows.recorded import RecordedRun, find_run, job_of, name_of
from flows.what_if.groups import Groups, Part, count_groups
from flows.what_if.movable import Difference, compare
from flows.what_if.tally import DROPPED, KEPT, UNKNOWN
from flows.what_if.verdicts import Move
from storage.lake import Lake


@dataclass(frozen=True)
class Question:
    """A run of the lake, a recipe it could have had, and what separates the two."""

    lake: Lake
    run: RecordedRun
    recipe: Recipe
    difference: Difference

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Archives by the stages their pages went through."""
        by_stages: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
        for row in self.run.archives:
            by_stages.setdefault(tuple(row["stages"]), []).append(row)
        return tuple(self._part(rows) for rows in by_stages.values())

    def _part(self, rows: Sequence[Mapping[str, Any]]) -> Part:
        domain = job_of(self.lake, self.run.recipe, rows[0]).source.domain
        return Part(tuple(rows), Move(self.run.recipe.stages(domain), self.recipe.stages(domain)))

    @cached_property
    def groups(self) -> tuple[Groups, ...]:
        """Every page of the run, grouped: the one scan of the ledger."""
        return tuple(count_groups(self.lake, part) for part in self.parts)


def ask(lake: Lake, recipe: Recipe) -> Question:
    """The newest finished run of the recipe's name against the recipe as it is given.

    Raises:
        UserError: There is no such run, its archives were read by another version of Winnow, or the ledger cannot
            answer: a change touches what is measured.
    """
    return _put(lake, find_run(lake, name_of(recipe)), recipe)


def ask_for(lake: Lake, recipe: str | None, changes: Sequence[str], run: str | None = None) -> Question:
    """What the command line asks: a run against a recipe, each of them optional.

    Args:
        recipe: A shipped recipe or a .toml file, its settings with `changes` the new ones; None takes the run's own
            settings, so that nothing but `changes` is asked about.
        changes: As `section.key=value`.
        run: Of the lake: its id, or the name of its recipe, whose newest it then is. None takes the newest of the
            recipe's name, or the newest of all.

    Raises:
        UserError: As of `ask`.
    """
    if recipe is None:
        taken = find_run(lake, run)
        return _put(lake, taken, changed_recipe(taken.recipe, changes))
    loaded = load_recipe(recipe, changes)
    taken = find_run(lake, run or name_of(loaded))
    return _put(lake, taken, loaded, {change.partition("=")[0].strip() for change in changes})


def _put(lake: Lake, run: RecordedRun, recipe: Recipe, asked: Collection[str] | None = None) -> Question:
    """The question, if it can be answered.

    Args:
        asked: Keys that the user wants changed, where the others come from a recipe that the run need not have had.
    """
    recipe = whole(recipe)
    difference = compare(run.recipe, recipe)
    difference.check_answerable(asked)
    return Question(lake, run, recipe, difference)


def funnel(question: Question) -> list[dict[str, Any]]:
    """A row a stage: pages in, dropped and out as they are, and as they would be.

    `unmeasured` are pages let past a gate: what later stages would say of them nobody has measured. They leave the
    new columns at the first stage that would have to; the pages kept in the end are `new_out` to that plus them all.
    """
    old, new, unknown = Counter[str](), Counter[str](), Counter[str]()
    pages = 0
    for groups in question.groups:
        move, tally = groups.part.move, groups.tally
        pages += int(groups.pages.sum()) + sum(count for count, _ in groups.unjudged.values())
        for name, (count, _) in groups.unjudged.items():
            old[name] += count
            new[name] += count
        for counts, by_rule in ((old, groups.by_old_rule), (new, groups.by_new_rule)):
            for name, count in by_rule["first"].items():
                counts[move.stage_of[name]] += count
        for place, stage in enumerate(move.new):
            unknown[stage.name] += int(groups.pages[tally.unknown_at == place].sum())
    return _told(_stage_names(question), old, new, unknown, pages)


def rules(question: Question) -> list[dict[str, Any]]:
    """A row a rule: limits and pages failed, failed first and removed alone, old and new; changed rules first."""
    counts = {"old": _rule_counts(question, old=True), "new": _rule_counts(question, old=False)}
    limits = {"old": _limits(question, old=True), "new": _limits(question, old=False)}
    changed = {rule.name for part in question.parts for rule in part.move.changed}
    names = dict.fromkeys([*limits["old"], *limits["new"]])
    rows = []
    for name in sorted(names, key=lambda n: n not in changed and n in limits["new"]):
        row: dict[str, Any] = {"rule": name, "knob": (limits["new"].get(name) or limits["old"][name])["knob"]}
        for when in ("old", "new"):
            limit = limits[when].get(name) or {"low": None, "high": None}
            row |= {f"{when}_low": limit["low"], f"{when}_high": limit["high"]}
            row |= {f"{when}_{what}": counts[when][what][name] for what in ("failed", "first", "alone")}
        rows.append(row)
    return rows


def summary(question: Question) -> dict[str, Any]:
    """Pages and bytes kept by the rules (before duplicates), let in, put out and not measured."""
    totals = Counter[str]()
    for groups in question.groups:
        tally = groups.tally
        kept: np.ndarray = tally.before.sum(axis=1) == 0
        now: np.ndarray = tally.fate == KEPT
        for pages, size in groups.unjudged.values():
            totals.update(read_pages=pages, read_bytes=size)
        of_name = {
            "read": np.ones(len(kept), bool), "kept": kept, "new_kept": now, "let_in": now & ~kept,
            "put_out": kept & (tally.fate == DROPPED), "unmeasured": tally.fate == UNKNOWN, "read_again": tally.reread,
        }  # fmt: skip
        for name, which in of_name.items():
            totals[f"{name}_pages"] += int(groups.pages[which].sum())
            totals[f"{name}_bytes"] += int(groups.bytes[which].sum())
    names = ["read", "kept", "new_kept", "let_in", "put_out", "unmeasured", "read_again"]
    return {f"{name}_{unit}": totals[f"{name}_{unit}"] for name in names for unit in ("pages", "bytes")}


def _stage_names(question: Question) -> list[str]:
    """Every stage, old ones that are gone among the new ones, in the order of the longest way."""
    parts = sorted(question.parts, key=lambda part: -len(part.move.old))
    names = [stage.name for part in parts for stages in (part.move.old, part.move.new) for stage in stages]
    return ["read", "archive", *dict.fromkeys(names)]


def _told(
    stages: Sequence[str], old: Mapping[str, int], new: Mapping[str, int], unknown: Mapping[str, int], pages: int
) -> list[dict[str, Any]]:
    rows, old_in, new_in = [], pages, pages
    for stage in stages:
        old_out, new_out = old_in - old[stage], new_in - new[stage] - unknown[stage]
        rows.append(
            {
                "stage": stage, "old_in": old_in, "old_dropped": old[stage], "old_out": old_out,
                "new_in": new_in, "new_dropped": new[stage], "unmeasured": unknown[stage], "new_out": new_out,
            }
        )  # fmt: skip
        old_in, new_in = old_out, new_out
    return rows


def _rule_counts(question: Question, old: bool) -> dict[str, Counter[str]]:
    counts = {"failed": Counter[str](), "first": Counter[str](), "alone": Counter[str]()}
    for groups in question.groups:
        for what, numbers in (groups.by_old_rule if old else groups.by_new_rule).items():
            counts[what].update(numbers)
    return counts


def _limits(question: Question, old: bool) -> dict[str, dict[str, Any]]:
    stages = [stage for part in question.parts for stage in (part.move.old if old else part.move.new)]
    rules = [rule for stage in stages for rule in stage.rules]
    return {rule.name: {"low": rule.low, "high": rule.high, "knob": rule.knob} for rule in rules}
