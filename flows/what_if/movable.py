"""What separates two recipes: limits, which the ledger can judge anew, and settings that change what is measured."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import numpy as np
from pydantic import BaseModel, ValidationError

from flows.recipe import STAGE_SECTIONS, Recipe
from pipeline.stage import Stage
from storage import schema
from storage.errors import UserError

READING = ("archive", "curated", "inputs")
"""Keys that decide which records become pages, and which stages those go through."""

LATER = ("dedup", "mix")
"""Sections that decide after the rules: their change is seen in the corpus, not in what the rules keep."""

_BY_LANGUAGE = "per_language"


@dataclass(frozen=True)
class Change:
    """One key of a recipe with its two values."""

    key: str
    old: Any
    new: Any

    @property
    def section(self) -> str:
        return self.key.split(".")[0]


@dataclass(frozen=True)
class Difference:
    """How two recipes differ.

    Attributes:
        limits: Keys that move, add or take away rules only: the ledger answers what they do.
        measures: Keys that change signals or texts: the archives must be read again.
        later: Keys that act on what the rules kept (duplicates, mix).
    """

    limits: tuple[Change, ...]
    measures: tuple[Change, ...]
    later: tuple[Change, ...]

    def check_answerable(self, asked: Collection[str] | None = None) -> None:
        """Raises UserError where the ledger does not hold the answer, naming the keys at fault.

        Args:
            asked: Keys given on the command line beside a recipe: others at fault are the recipe's, not the user's
                question, and the sentence says how to do without it.
        """
        if not self.measures:
            return
        keys = ", ".join(change.key for change in self.measures)
        sentence = f"the ledger cannot say what {keys} would do: it changes what is measured or the text itself, not a "
        hint = "`winnow corpus` with these settings reads the archives again; the lake keeps both."
        if asked is not None and not all(any(_within(change.key, key) for key in asked) for change in self.measures):
            hint = f"Leave RECIPE out to start from the settings that the run had. Else {hint}"
        raise UserError(f"{sentence}limit.", hint)


def _within(key: str, section: str) -> bool:
    """Whether a key is that key, or one of a table given under it."""
    return f"{key}.".startswith(f"{section}.")


def compare(old: Recipe, new: Recipe) -> Difference:
    """Every key that two recipes do not share and that touches a corpus, by what it takes to see its effect."""
    limits, measures, later = [], [], []
    for change in changes_between(old, new):
        if change.section in READING or (change.section in STAGE_SECTIONS and _measures(old, change)):
            measures.append(change)
        elif change.section in LATER:
            later.append(change)
        elif change.section in STAGE_SECTIONS:
            limits.append(change)
    if not measures and not _same_measurement(old, new):
        measures = limits  # together they do what none does alone
    return Difference(tuple(limits), tuple(measures), tuple(later))


def changes_between(old: Recipe, new: Recipe) -> list[Change]:
    """Keys, dotted, with different values, in the order of the recipe."""
    before, after = _flat(old), _flat(new)
    names = dict.fromkeys([*before, *after])
    return [Change(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]


def _flat(section: BaseModel, prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in type(section).model_fields:
        value = getattr(section, name)
        if name == _BY_LANGUAGE:
            found |= {f"{prefix}{name}.{language}.{key}": own[key] for language, own in value.items() for key in own}
            continue
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, BaseModel) else {prefix + name: value}
    return found


def _measures(old: Recipe, change: Change) -> bool:
    """Whether that change alone makes any stage measure something else."""
    values = old.model_dump()
    *sections, last = change.key.split(".")
    place = values
    for section in sections:
        place = place.setdefault(section, {})  # a language's keys may be none yet
    if _BY_LANGUAGE in sections and change.new is None:
        place.pop(last)
    else:
        place[last] = change.new
    try:
        return not _same_measurement(old, Recipe.model_validate(values))
    except ValidationError:  # two keys that only hold together: looked at together
        return False


def _same_measurement(old: Recipe, new: Recipe) -> bool:
    """Whether every stage of the new recipe measures what the old one's did, of pages of the web and of others."""
    return all(_stages_hold(old.stages(domain), new.stages(domain)) for domain in ("web", "other"))


def _stages_hold(old: tuple[Stage, ...], new: tuple[Stage, ...]) -> bool:
    before = {stage.name: stage for stage in old}
    after = {stage.name for stage in new}
    order = [stage.name for stage in old if stage.name in after]
    if order != [stage.name for stage in new]:
        return False
    gone = [stage for stage in old if stage.name not in after]
    # a page let in needs a stage behind that one that has not measured it: that is what has it read again
    return all(map(_only_signals, gone)) and all(
        _same(before[stage.name], stage, last=stage is new[-1]) for stage in new
    )


def _only_signals(stage: Stage) -> bool:
    """Whether nothing but a rule can read what a stage adds: then the stage can be taken away."""
    numbers = all(str(column.type) == "double" for column in stage.adds)
    return numbers and not set(stage.adds.names) & {*schema.DOCUMENTS.names, *schema.PAGES.names}


def _same(old: Stage, new: Stage, last: bool) -> bool:
    promises = [(stage.version, stage.survivors_only, stage.adds) for stage in (old, new)]
    follows = old.follows.settings if old.follows and new.follows and not last else frozenset[str]()
    return promises[0] == promises[1] and _measure(old, follows) == _measure(new, follows)


def _measure(stage: Stage, follows: frozenset[str]) -> Any:
    """What a stage measures, but for the settings whose columns follow from others."""
    compute = stage.compute
    if follows and isinstance(compute, partial):
        bound = {name: value for name, value in compute.keywords.items() if name not in follows}
        compute = partial(compute.func, *compute.args, **bound)
    return _form(compute)


def _form(value: Any) -> Any:
    """What a function computes with, comparable: its code's name and everything bound to it.

    Limits that only a stage's rules hold are not among it. What cannot be compared counts as different.
    """
    if isinstance(value, partial):
        return ("partial", _form(value.func), _form(value.args), _form(value.keywords))
    if isinstance(value, MethodType):
        return ("method", value.__func__.__qualname__, _form(value.__self__))
    if isinstance(value, FunctionType):
        cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
        return ("function", value.__module__, value.__qualname__, {n: _form(cell.cell_contents) for n, cell in cells})
    if isinstance(value, BaseModel):
        settings = getattr(value, "signature_settings", value.model_dump)  # of deduplication only the signature
        return (type(value).__name__, settings())
    if isinstance(value, np.ndarray):
        return (str(value.dtype), value.shape, value.tobytes())
    return _form_of_parts(value)


def _form_of_parts(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _form(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [item if type(item) is str else _form(item) for item in value]  # lists of words by the ten thousand
    if type(value).__module__.startswith(("pipeline.", "flows.")) and hasattr(value, "__dict__"):
        return (type(value).__qualname__, {name: _form(item) for name, item in vars(value).items()})
    return value
