"""The ledger as a joint histogram over a few rules' limits: what sliders need to tell a funnel under other limits.

Each rule gets some limits to choose from, its own among them. A page's place is how many of them it is beyond; pages
in the same places behave alike under every choice, so that counting them by place loses nothing: the numbers the
sliders tell are exact, for every combination of limits offered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.report.source import Row, Source

MOST_LIMITS = 6
MOST_CELLS = 20_000
QUANTILES = (0.005, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.995)

MOVABLE = """\
SELECT rules.rule, rules.signal, rules.low, rules.high, rules.knob, coalesce(failed_pages, 0) AS failed_pages
FROM rules LEFT JOIN removed_alone_by USING (rule)
WHERE rules.run_id = (SELECT run_id FROM runs WHERE flow = 'corpus' ORDER BY started_at DESC, run_id LIMIT 1)
    AND NOT rules.gate
ORDER BY failed_pages DESC, rules.position"""


@dataclass(frozen=True)
class Limit:
    """One side of a rule, and the limits a slider offers for it, from the one that lets most in.

    Attributes:
        low: Whether values below it fail; else those above.
        choices: Limits offered, each stricter than the one before.
        now: Place of the rule's own limit among them.
    """

    rule: str
    signal: str
    low: bool
    choices: tuple[float, ...]
    now: int

    def place_sql(self) -> str:
        """How many of the choices a page passes, as SQL; null passes none."""
        sign = ">=" if self.low else "<="
        each = " + ".join(f"({self._column()} {sign} {value!r}::DOUBLE)::INTEGER" for value in self.choices)
        return f"coalesce({each}, 0)"

    def thinned(self) -> Limit:
        """Every second choice, its own kept."""
        kept = [index for index in range(len(self.choices)) if (index - self.now) % 2 == 0]
        return Limit(self.rule, self.signal, self.low, tuple(self.choices[i] for i in kept), kept.index(self.now))

    def to_data(self) -> dict[str, Any]:
        """For the page's script."""
        return {"rule": self.rule, "low": self.low, "choices": list(self.choices), "now": self.now}

    def _column(self) -> str:
        return '"' + self.signal.replace('"', '""') + '"'


def joint_histogram(source: Source) -> dict[str, Any] | None:
    """The limits that remove most, and pages by place; None where no rule has limits to move.

    Returns:
        `limits` (see `Limit.to_data`), `cells` (a list of one count of pages passed for each limit, then pages),
        `pages` that were judged at all, and `others`: pages that fail a rule no slider moves.
    """
    limits = _limits(source)
    while limits:
        cells = source.rows(_cells_sql(limits))
        thinned = [limit.thinned() for limit in limits]
        if len(cells) <= MOST_CELLS or thinned == limits:
            whole = source.row(_whole_sql(limits))
            return {"limits": [limit.to_data() for limit in limits], "cells": _packed(cells), **whole}
        limits = thinned
    return None


def _limits(source: Source) -> list[Limit]:
    rules = [row for row in source.rows(MOVABLE) if ".per_language." not in (row["knob"] or "")]
    by_language = {row["knob"].split(".")[0] for row in source.rows(MOVABLE) if ".per_language." in (row["knob"] or "")}
    chosen = [row for row in rules if row["failed_pages"] and row["rule"].split(".")[0] not in by_language]
    sides = [(row, side) for row in chosen for side in ("low", "high") if row[side] is not None]
    made = (_limit(source, row, side) for row, side in sides[:MOST_LIMITS])
    return [limit for limit in made if len(limit.choices) > 1]


def _limit(source: Source, row: Row, side: str) -> Limit:
    name = '"' + row["signal"].replace('"', '""') + '"'
    spread = source.row(f"SELECT quantile_cont({name}, {list(QUANTILES)}) AS at FROM pages WHERE isfinite({name})")[
        "at"
    ]
    own = float(row[side])
    choices = sorted({own, *(float(f"{value:.2g}") for value in spread or ())}, reverse=side == "high")
    return Limit(row["rule"], row["signal"], side == "low", tuple(choices), choices.index(own))


def _only(limits: Iterable[Limit]) -> str:
    """Pages that no other rule fails, and that were judged at all."""
    names = ", ".join("'" + rule.replace("'", "''") + "'" for rule in sorted({limit.rule for limit in limits}))
    return f"fate <> 'unreadable' AND len(list_filter(failed_rules, lambda rule: rule NOT IN ({names}))) = 0"


def _cells_sql(limits: Sequence[Limit]) -> str:
    places = ", ".join(f"{limit.place_sql()} AS p{index}" for index, limit in enumerate(limits))
    return f"SELECT {places}, count(*) AS pages FROM pages WHERE {_only(limits)} GROUP BY ALL ORDER BY ALL"


def _whole_sql(limits: Sequence[Limit]) -> str:
    return f"""\
SELECT count(*) FILTER (fate <> 'unreadable') AS pages,
    count(*) FILTER (fate <> 'unreadable' AND NOT ({_only(limits)})) AS others,
    count(*) FILTER (fate = 'kept') AS kept
FROM pages"""


def _packed(cells: Sequence[Mapping[str, int]]) -> list[list[int]]:
    return [list(cell.values()) for cell in cells]
