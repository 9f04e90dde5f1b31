"""`winnow what-if`: the question put to the ledger, and the counts that answer it.

One scan of the columns that the changed rules read groups pages by the rules they failed and those they would fail
now; a few thousand groups are then judged as `flows.what_if.verdicts` says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from flows.recipe import Recipe
from flows.recorded import RecordedRun, find_run, job_of
from flows.what_if.movable import Difference, compare
from flows.what_if.verdicts import Move, Outcome
from storage.catalog import Catalog
from storage.lake import Lake
from storage.views import quoted, sql_text

GROUPS = "what_if/groups"


@dataclass(frozen=True)
class Part:
    """The archives of a run whose pages went through the same stages, and how those would judge now."""

    archives: tuple[Mapping[str, Any], ...]
    move: Move

    def pages(self, lake: Lake) -> str:
        """A table function over their ledger rows; the files have the same columns."""
        paths = [o["path"] for row in self.archives for o in row["outputs"] if o["table"] == "pages"]
        listed = ", ".join(quoted(lake.absolute(path)) for path in paths)
        return f"read_parquet([{listed}], hive_partitioning = false)"


class Group(NamedTuple):
    """Pages that failed the same rules and would fail the same changed ones now.

    Attributes:
        before: Fate, as the rules decided it; unreadable and refused pages have no rules to move.
        failed: Rules they failed.
        outcome: What the new limits say of them; None where no rule judged them.
        pages, bytes: How many there are, and how large their records.
        example_offset: Offset of the first of them in its archive.
    """

    part: Part
    before: str
    failed: tuple[str, ...]
    mask: int
    outcome: Outcome | None
    pages: int
    bytes: int
    example_offset: int


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
    def groups(self) -> tuple[Group, ...]:
        """Every page of the run, grouped: the one scan of the ledger."""
        return tuple(group for part in self.parts for group in self._groups(part))

    def _groups(self, part: Part) -> Iterator[Group]:
        statement = sql_text(GROUPS).format(rows=part.pages(self.lake), mask=part.move.mask_sql())
        for row in Catalog(self.lake).query(statement).to_pylist():
            failed, mask = tuple(row["failed_rules"]), int(row["mask"])
            judged = row["fate"] != "unreadable" and row["dropped_by"] != "archive"
            outcome = part.move.outcome(failed, mask) if judged else None
            yield Group(part, row["fate"], failed, mask, outcome, row["pages"], row["bytes"], row["example_offset"])


def ask(lake: Lake, recipe: Recipe) -> Question:
    """The newest finished run of the recipe's name against the recipe as it is given.

    Raises:
        UserError: There is no such run, its archives were read by another version of Winnow, or the ledger cannot
            answer: a change touches what is measured.
    """
    run = find_run(lake, recipe)
    difference = compare(run.recipe, recipe)
    difference.check_answerable()
    return Question(lake, run, recipe, difference)


def funnel(question: Question) -> list[dict[str, Any]]:
    """A row a stage: pages in, dropped and out as they are, and as they would be.

    `unmeasured` are pages let past a gate: what later stages would say of them nobody has measured. They leave the
    new columns at the first stage that would have to; the pages kept in the end are `new_out` to that plus them all.
    """
    old, new, unknown = Counter[str](), Counter[str](), Counter[str]()
    for group in question.groups:
        old[_stage(group, group.failed) if group.before != "unreadable" else "read"] += group.pages
        outcome = group.outcome
        if outcome is None:
            new["read" if group.before == "unreadable" else "archive"] += group.pages
        elif outcome.fate == "unknown":
            unknown[str(outcome.unknown_at)] += group.pages
        else:
            new[_stage(group, outcome.failed)] += group.pages
    return _told(_stage_names(question), old, new, unknown, sum(group.pages for group in question.groups))


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
    for group in question.groups:
        after = group.outcome.fate if group.outcome else "dropped"
        names = ["read"]
        if group.before == "kept":
            names.append("kept")
        if after != "dropped":
            names.append("new_kept" if after == "kept" else "unmeasured")
        if group.before != "kept" and after == "kept":
            names.append("let_in")
        if group.before == "kept" and after == "dropped":
            names.append("put_out")
        if group.outcome and group.outcome.reread:
            names.append("read_again")
        for name in names:
            totals[f"{name}_pages"] += group.pages
            totals[f"{name}_bytes"] += group.bytes
    names = ["read", "kept", "new_kept", "let_in", "put_out", "unmeasured", "read_again"]
    return {f"{name}_{unit}": totals[f"{name}_{unit}"] for name in names for unit in ("pages", "bytes")}


def _stage(group: Group, failed: Sequence[str]) -> str:
    if not failed:
        return "kept"
    return group.part.move.stage_of.get(failed[0], "archive")


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
    for group in question.groups:
        if group.outcome is None:
            continue
        failed = group.failed if old else group.outcome.failed
        for name in failed:
            counts["failed"][name] += group.pages
        if failed:
            counts["first"][failed[0]] += group.pages
        if len(failed) == 1:
            counts["alone"][failed[0]] += group.pages
    return counts


def _limits(question: Question, old: bool) -> dict[str, dict[str, Any]]:
    stages = [stage for part in question.parts for stage in (part.move.old if old else part.move.new)]
    rules = [rule for stage in stages for rule in stage.rules]
    return {rule.name: {"low": rule.low, "high": rule.high, "knob": rule.knob} for rule in rules}
