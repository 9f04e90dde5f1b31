"""The parts of the view `near_limit` that depend on which rules are in force: columns to look at, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

NEAR = 0.1
"""How close to its limit a value is near, as a fraction of the limit; of whole numbers the next one is near too."""


def parts(rules: Sequence[tuple[str, int, Mapping[str, Any]]]) -> dict[str, str]:
    """What fills the view's statement: `signals`, a list of columns; `near`, a condition no near page fails; `frac`.

    Signals that say yes or no (`_is_`) have no near side and are left out.
    """
    limits = dict.fromkeys(_limits(rules))
    signals = dict.fromkeys(signal for signal, _ in limits)
    return {
        "signals": ", ".join(f'CAST("{signal}" AS DOUBLE) AS "{signal}"' for signal in signals) or "NULL::DOUBLE AS x",
        "names": ", ".join(f'"{signal}"' for signal in signals) or "x",
        "near": " OR ".join(_condition(signal, limit) for signal, limit in limits) or "false",
        "frac": repr(NEAR),
    }


def _limits(rules: Sequence[tuple[str, int, Mapping[str, Any]]]) -> Iterator[tuple[str, float]]:
    for _, _, rule in rules:
        for name in ("low", "high"):
            if rule.get(name) is not None and "_is_" not in rule["signal"]:
                yield rule["signal"], float(rule[name])


def _condition(signal: str, limit: float) -> str:
    within = max(NEAR * abs(limit), 1.0 if limit.is_integer() else 0.0)
    near = f"\"{signal}\" BETWEEN '{limit - within!r}'::DOUBLE AND '{limit + within!r}'::DOUBLE"
    return near if limit else f'("{signal}" <> 0 AND {near})'
