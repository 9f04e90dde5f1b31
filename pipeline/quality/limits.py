"""From a recipe's limits to rules, for all languages and for single ones.

    [gopher]
    min_words = 50
    max_mean_word_chars = "off"

    [gopher.per_language.de]
    max_mean_word_chars = 15
    stop_words = ["der", "und", "die", "in"]

A section whose keys can differ by language is a `Limits`. Where a language overrides a limit, the rule for the others
leaves its pages out and it gets a rule of its own, `gopher.mean_word_chars.de`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, ValidationError, model_validator

from pipeline.batch import DocumentBatch
from pipeline.stage import LANGUAGE, Columns, Rule
from storage.schema import Section

OFF = "off"
"""How a recipe switches a limit off: TOML has no null."""


class Switches(Section):
    """A section whose limits can be switched off, and the whole of it."""

    enabled: bool = True

    @model_validator(mode="before")
    @classmethod
    def _switch_off(cls, data: Any) -> Any:
        return {key: None if value == OFF else value for key, value in data.items()} if isinstance(data, dict) else data


class Limits(Switches):
    """Limits, each of which a language can override."""

    per_language: dict[str, dict[str, Any]] = Field(
        {}, description="keys of this section that differ for pages in a language, by the model's label for it"
    )

    @model_validator(mode="after")
    def _check_languages(self) -> Self:
        for language in self.per_language:
            try:
                self.for_language(language)
            except ValidationError as error:
                first = error.errors()[0]
                key = ".".join(str(part) for part in first["loc"])
                raise ValueError(f"per_language.{language}.{key}: {first['msg'].lower()}") from error
        return self

    def for_language(self, language: str) -> Self:
        """The section as it is for pages in that language."""
        shared = {name: getattr(self, name) for name in type(self).model_fields if name != "per_language"}
        return type(self)(**{**shared, **self.per_language.get(language, {})})

    def by_language(self) -> dict[str, Self]:
        """The languages with keys of their own, and the section as it is for each."""
        return {language: self.for_language(language) for language in sorted(self.per_language)}


def limit(config: Section, stage: str, signal: str, low: str = "", high: str = "") -> tuple[Rule, ...]:
    """The rule that keeps `signal` within the limits that `config` holds under the keys `low` and `high`.

    No rule where neither limit is set (None): the signal is measured and judges nothing. The section's recipe
    name is the first word of the stage's: "gopher" of "gopher_quality".
    """
    section = stage.split("_")[0]
    knobs = [key for key in (low, high) if key]
    floor, ceiling = (getattr(config, key) if key else None for key in (low, high))
    if floor is None and ceiling is None:
        return ()
    knob = ", ".join(f"{section}.{key}" for key in knobs)
    return (Rule(f"{section}.{signal}", signal, low=floor, high=ceiling, knob=knob),)


def rules_by_language(config: Limits, rules_of: Callable[[Any], tuple[Rule, ...]]) -> tuple[Rule, ...]:
    """The rules `rules_of` makes of the section, and beside each those of the languages whose limits differ."""
    base = {rule.name: rule for rule in rules_of(config)}
    own = {
        language: {rule.name: rule for rule in rules_of(section)} for language, section in config.by_language().items()
    }
    names = dict.fromkeys([*base, *(name for rules in own.values() for name in rules)])
    return tuple(rule for name in names for rule in _one_signal(name, base, own))


def _one_signal(name: str, base: Mapping[str, Rule], own: Mapping[str, Mapping[str, Rule]]) -> list[Rule]:
    shared = base.get(name)
    others = [language for language, rules in own.items() if _limits(rules.get(name)) != _limits(shared)]
    found = [replace(shared, not_languages=tuple(others))] if shared else []
    return found + [_rule_of(rule, language) for language in others if (rule := own[language].get(name))]


def _limits(rule: Rule | None) -> tuple[float | None, float | None]:
    return (rule.low, rule.high) if rule else (None, None)


def _rule_of(rule: Rule, language: str) -> Rule:
    section = rule.name.split(".")[0]
    knob = rule.knob.replace(f"{section}.", f"{section}.per_language.{language}.")
    return replace(rule, name=f"{rule.name}.{language}", knob=knob, languages=(language,))


def compute_by_language(config: Limits, compute_of: Callable[[Any], partial[Columns]]) -> Callable[..., Columns]:
    """The stage's function: `compute_of` of the section, and of a language's own where that measures otherwise."""
    base = compute_of(config)
    own = {language: compute_of(section) for language, section in config.by_language().items()}
    own = {language: compute for language, compute in own.items() if compute.keywords != base.keywords}
    return partial(_compute_apart, base=base, own=own) if own else base


def _compute_apart(batch: DocumentBatch, base: partial[Columns], own: Mapping[str, partial[Columns]]) -> Columns:
    """The pages of each of those languages measured by its own function, the others by `base`; order kept."""
    if LANGUAGE not in batch.names:
        return base(batch)
    names = np.asarray(batch.column(LANGUAGE).to_pylist(), dtype=object)
    groups = [(np.flatnonzero(names == language), compute) for language, compute in own.items()]
    groups.append((np.flatnonzero(~np.isin(names.astype(str), list(own))), base))
    groups = [(rows, compute) for rows, compute in groups if len(rows)]
    parts = [compute(batch.filter(np.isin(np.arange(batch.num_rows), rows))) for rows, compute in groups]
    order = np.argsort(np.concatenate([rows for rows, _ in groups]))
    return {
        name: pa.concat_arrays([part[name] for part in parts]).take(pa.array(order, pa.int64())) for name in parts[0]
    }
