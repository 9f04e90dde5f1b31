"""From a recipe's limits to rules."""

from __future__ import annotations

from pipeline.stage import Rule
from storage.schema import Section


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
