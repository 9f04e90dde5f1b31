"""Queries for the pages close to a rule's limit: one a limit in force, so that asking of one rule reads one signal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from storage.selection import Selection
from storage.statements import quoted

NEAR = 0.1
"""How close to its limit a value is near, as a fraction of the limit; of whole numbers the next one is near too."""

_COLUMNS = 'doc_id, url, pages.crawl, pages.archive, pages."offset", fate'

NONE = (
    "SELECT NULL::VARCHAR AS rule, NULL::VARCHAR AS knob, NULL::VARCHAR AS side, NULL::DOUBLE AS value, "
    f"NULL::DOUBLE AS limit_value, NULL::DOUBLE AS distance, {_COLUMNS} FROM pages WHERE false"
)
"""What the queries return, without a row."""


@dataclass(frozen=True)
class _Limit:
    """One limit as rules of some runs have it."""

    rule: str
    knob: str
    signal: str
    limit: float
    languages: tuple[str, ...]
    not_languages: tuple[str, ...]


def queries(selection: Selection) -> list[str]:
    """A SELECT over `pages` for every limit in force, of the pages near it that the rule judges.

    Signals that say yes or no (`_is_`) have no near side and are left out.
    """
    runs_of: dict[_Limit, set[str | None]] = {}
    for run_id, _, rule in selection.rules:
        for limit in _limits(rule):
            runs_of.setdefault(limit, set()).add(run_id)
    everywhere = {archive.run_id for archive in selection.archives}
    return [_query(limit, None if runs >= everywhere else runs) for limit, runs in runs_of.items()]


def _limits(rule: Mapping[str, Any]) -> Iterator[_Limit]:
    judged = (tuple(rule.get("languages") or ()), tuple(rule.get("not_languages") or ()))
    for name in ("low", "high"):
        if rule.get(name) is not None and "_is_" not in rule["signal"]:
            yield _Limit(rule["name"], rule.get("knob") or "", rule["signal"], float(rule[name]), *judged)


def _query(limit: _Limit, runs: set[str | None] | None) -> str:
    """The pages near a limit, of the archives that those runs put in force (None: of all)."""
    value, rule = f'CAST("{limit.signal}" AS DOUBLE)', quoted(limit.rule)
    there = _double(limit.limit)
    away = f"abs({value} - {there})"
    return (
        f"SELECT {rule} AS rule, {quoted(limit.knob)} AS knob, "
        f"CASE WHEN list_contains(failed_rules, {rule}) THEN 'failed' ELSE 'passed' END AS side, "
        f"{value} AS value, {there} AS limit_value, {away} / {_double(abs(limit.limit) or 1.0)} AS distance, "
        f"{_COLUMNS} FROM pages{_of_runs(runs)} WHERE {' AND '.join(_conditions(limit, value, away))}"
    )


def _conditions(limit: _Limit, value: str, away: str) -> Iterator[str]:
    there, whole = limit.limit, limit.limit.is_integer()
    reach = max(NEAR * abs(there), 1.0 if whole else 0.0)
    yield f"{value} BETWEEN {_double(there - reach)} AND {_double(there + reach)}"  # a filter that files can answer
    if not there:
        yield f"{value} <> 0"
    relative = f"{away} <= {NEAR!r} * {_double(abs(there))}"
    yield f"({relative} OR ({away} <= 1 AND {value} = floor({value})))" if whole else relative
    if limit.languages:
        yield _among(limit.languages)
    if limit.not_languages:
        yield f"NOT {_among(limit.not_languages)}"


def _of_runs(runs: set[str | None] | None) -> str:
    if runs is None:
        return ""
    listed = ", ".join(quoted(run) for run in sorted(run for run in runs if run))
    archives = f"(SELECT crawl, archive FROM state.archives WHERE run_id IN ({listed}))"
    return f" SEMI JOIN {archives} AS current ON pages.crawl = current.crawl AND pages.archive = current.archive"


def _among(languages: Iterable[str]) -> str:
    return f"coalesce(language IN ({', '.join(map(quoted, languages))}), false)"


def _double(number: float) -> str:
    return f"'{number!r}'::DOUBLE"
