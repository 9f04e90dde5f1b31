"""Whether the published rule for the learning rate holds here: a small sweep at both ends of the ladder.

A rung whose rate is off pays for it with its loss, and small rungs pay more than large ones, or less: the law bends
(Porian et al. 2024 find the exponent moved from 0.50 to 0.84 by untuned small rungs). Within the square root of two
of the optimum the loss is flat. Where the sweep's best is further off, the rule is corrected: by a factor that
is linear in log N between the ends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from model.scaling.ladder import LadderConfig, Rung, make_rung

FLAT = math.sqrt(2)
"""Factor off the optimal rate within which the loss hardly changes."""


@dataclass(frozen=True, slots=True)
class RateCheck:
    """One size's sweep.

    Attributes:
        params: N.
        tokens: D.
        rule: The rule's rate.
        best: Factor on it of least loss, by a parabola of loss over log rate, within the factors tried.
        losses: Loss by factor.
        edge: Whether the least loss is at the end of the factors tried.
    """

    params: int
    tokens: int
    rule: float
    best: float
    losses: Mapping[float, float]
    edge: bool

    @property
    def holds(self) -> bool:
        """Whether the rule is within the square root of two of the best."""
        return 1 / FLAT <= self.best <= FLAT


def swept(config: LadderConfig, ladder: Sequence[Rung]) -> tuple[Rung, ...]:
    """The trainings to sweep: of the smallest and the largest size, with less compute than the ladder's own of them.

    Half-way (in the logarithm) from a size's cheapest run to the ladder's cheapest, so that the largest size does
    not cost as much as the ladder.
    """
    sizes = [rung.params for rung in ladder]
    least = min(rung.flops for rung in ladder)
    found = []
    for size in dict.fromkeys((min(sizes), max(sizes))):
        rung = min((rung for rung in ladder if rung.params == size), key=lambda rung: rung.flops)
        tokens = max(1, round(rung.tokens * math.sqrt(least / rung.flops)))
        found.append(make_rung(config, rung.model, rung.train, tokens))
    return tuple(found)


def check_rate(rung: Rung, losses: Mapping[float, float]) -> RateCheck:
    """A sweep's result: losses by factor on the rule's rate, 1 among them."""
    factors = sorted(losses)
    values = np.array([losses[factor] for factor in factors])
    lowest = int(values.argmin())
    edge = lowest in (0, len(factors) - 1)
    best = factors[lowest] if edge else _vertex(factors[lowest - 1 : lowest + 2], values[lowest - 1 : lowest + 2])
    return RateCheck(rung.params, rung.tokens, rung.learning_rate, best, dict(losses), edge)


def beyond(losses: Mapping[float, float]) -> list[float]:
    """Factors to try next: one more where the least loss is at an edge, none where it is inside."""
    factors = sorted(losses)
    if len(factors) < 2:
        return []
    lowest = min(factors, key=losses.__getitem__)
    if lowest == factors[0]:
        return [lowest / 2]
    return [lowest * 2] if lowest == factors[-1] else []


def corrected(config: LadderConfig, checks: Sequence[RateCheck]) -> LadderConfig:
    """The ladder with its rule moved to the best rates found; unchanged where the rule holds at every end."""
    if all(check.holds for check in checks):
        return config
    low, high = checks[0], checks[-1]
    if low.params == high.params:
        slope, level = 0.0, math.log(low.best)
    else:
        slope = math.log(high.best / low.best) / math.log(high.params / low.params)
        level = math.log(low.best) - slope * math.log(low.params)
    return config.model_copy(
        update={
            "learning_rate_scale": config.learning_rate_scale * math.exp(level),
            "learning_rate_params_exponent": config.learning_rate_params_exponent + slope,
        }
    )


def _vertex(factors: Sequence[float], losses: np.ndarray) -> float:
    curve, slope, _ = np.polyfit(np.log(factors), losses, 2)
    vertex = -slope / (2 * curve) if curve > 0 else math.log(factors[1])
    return float(np.exp(np.clip(vertex, math.log(factors[0]), math.log(factors[-1]))))
