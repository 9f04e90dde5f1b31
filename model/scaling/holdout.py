"""How well a form predicts larger runs from smaller ones: rolling back-tests, and the choice they make.

For each of several budgets, a fit of the runs below it predicts those at and beyond it. In the sample a form with
more constants always wins; here it need not: tying alpha = beta often predicts better.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from model.scaling.fit import fit_surface
from model.scaling.points import Floats, Points
from storage.errors import UserError

LEAST_TRAINED = 8
"""Runs below a cut, at least: with fewer the free form follows the noise and the test tells nothing."""

MOST_CUTS = 6

SAME_BUDGET = 1.02
"""Factor of compute within which runs next to each other are of one budget: tokens come in whole steps."""


@dataclass(frozen=True, slots=True)
class BackTest:
    """A fit of the runs below a budget against the runs from it on.

    Attributes:
        cut: The budget, FLOP.
        trained, held: Runs on either side.
        reach: Largest held-out compute over the largest trained.
        error: Root mean square of log(predicted / measured) of the held-out runs.
        bias: Mean of the same; above zero where predictions are too high.
    """

    cut: float
    trained: int
    held: int
    reach: float
    error: float
    bias: float


def back_tests(points: Points, tied: bool, flops: Floats | None = None) -> list[BackTest]:
    """Rolling hold-outs by compute; empty where there are too few runs for any."""
    compute = points.flops if flops is None else flops
    return [test for cut in _cuts(compute) if (test := _test(points, compute, cut, tied)) is not None]


def prefers_tied(free: Sequence[BackTest], tied: Sequence[BackTest]) -> bool:
    """Whether to demand alpha = beta: unless two exponents predict better by more than a standard error.

    The rule of one standard error (Breiman et al. 1984): of two forms that a hold-out cannot tell apart, the one
    with fewer constants. Over the cuts both could be tested at.
    """
    errors = {test.cut: test.error for test in free}
    worse = np.array([test.error - errors[test.cut] for test in tied if test.cut in errors])
    if not len(worse):
        return False
    uncertain = float(worse.std(ddof=1) / np.sqrt(len(worse))) if len(worse) > 1 else 0.0
    return bool(worse.mean() < uncertain)


def _cuts(compute: Floats) -> Iterator[float]:
    """Budgets with enough runs below, evenly spaced over those that are possible."""
    ordered = np.sort(compute)
    budgets = [ordered[0]]
    budgets += [flops for below, flops in pairwise(ordered) if flops > SAME_BUDGET * below]
    possible = [b for b in budgets[1:] if np.searchsorted(ordered, b) >= max(LEAST_TRAINED, 0.4 * len(ordered))]
    if possible:
        chosen = np.unique(np.linspace(0, len(possible) - 1, MOST_CUTS).round().astype(int))
        yield from (float(possible[i]) for i in chosen)


def _test(points: Points, compute: Floats, cut: float, tied: bool) -> BackTest | None:
    below = compute < cut * (1 - 1e-9)
    held = ~below
    try:
        surface = fit_surface(points.where(below), tied=tied)
    except UserError:
        return None
    off = np.log(surface.predict(points.params[held], points.tokens[held]) / points.loss[held])
    reach = float(compute[held].max() / compute[below].max())
    error, bias = float(np.sqrt(np.mean(off**2))), float(off.mean())
    return BackTest(cut, int(below.sum()), int(held.sum()), reach, error, bias)
