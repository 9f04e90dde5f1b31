"""The parametric scaling law of a set of runs, with intervals, and what the runs cannot tell.

fit = fit_scaling(make_points(params, tokens, loss))
fit.surface.predict(7e9, 1.4e11), fit.interval(lambda s: s.predict(7e9, 1.4e11))
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from model.scaling.checks import draw_warnings, find_warnings
from model.scaling.intervals import Estimate, bca, bootstrap_weights, leave_out_weights, percentile
from model.scaling.points import Floats, Points
from model.scaling.solver import LOW, Problem, solve
from model.scaling.surface import Surface
from storage.errors import UserError

LEVEL = 0.9
"""Probability an interval is meant to cover."""

LEAST_POINTS = 5
"""Distinct (N, D) a surface of five constants takes."""


@dataclass(frozen=True)
class Fit:
    """A fitted surface and how far to trust it.

    Attributes:
        surface: The global optimum for all runs.
        draws: The optima for bootstrap samples of the runs; empty where none were asked for.
        points: What it was fitted to.
        objective: Huber loss summed over the runs.
        log_rms: Root mean square of log(predicted / measured).
        warnings: What these runs cannot tell, one sentence each.
        tied: Whether alpha = beta was demanded.
        leave_outs: The optima with one run left out at a time; empty without draws.
        beside: A more general form that the runs cannot tell from this one. Intervals hold its own as well: the samples
            of a form say nothing of what that form assumes.
    """

    surface: Surface
    draws: tuple[Surface, ...]
    points: Points
    objective: float
    log_rms: float
    warnings: tuple[str, ...]
    tied: bool = False
    leave_outs: tuple[Surface, ...] = ()
    beside: Fit | None = None

    @property
    def surfaces(self) -> tuple[Surface, ...]:
        """All that an interval is made of: the fit's own and its samples', and those of the form beside it."""
        return (self.surface, *self.draws, *self.leave_outs, *(self.beside.surfaces if self.beside else ()))

    @property
    def max_flops(self) -> float:
        """Compute of the largest run."""
        return float(self.points.flops.max())

    def interval(self, quantity: Callable[[Surface], float], level: float = LEVEL, method: str = "bca") -> Estimate:
        """A quantity of the surface with its bootstrap interval.

        Args:
            quantity: What to read off a surface.
            level: Probability the interval is meant to cover.
            method: "bca", or "percentile".
        """
        value = float(quantity(self.surface))
        if not self.draws:
            return Estimate(value, value, value)
        found = _read(quantity, self.draws)
        if method == "percentile":
            low, high = percentile(found, level)
        else:
            low, high = bca(value, found, _read(quantity, self.leave_outs), level)
        if self.beside is not None:
            other = self.beside.interval(quantity, level, method)
            low, high = min(low, other.low), max(high, other.high)
        return Estimate(value, low, high)


def _read(quantity: Callable[[Surface], float], surfaces: Sequence[Surface]) -> list[float]:
    """The quantity of every surface; where it does not exist it has no bound."""
    values = (float(quantity(surface)) for surface in surfaces)
    return [math.inf if math.isnan(value) else value for value in values]


def fit_surface(points: Points, weight: Floats | None = None, tied: bool = False) -> Surface:
    """The surface of least Huber loss (delta 1e-3) on log loss: the global optimum (`model.scaling.solver`).

    Raises:
        UserError: Fewer than five distinct (N, D), or only one size or one token count.
    """
    _demand_enough(points)
    weights = np.ones(len(points)) if weight is None else weight
    problem = Problem.of(points.params, points.tokens, points.loss, weights)
    return _surface(problem, solve(problem, tied=tied))


def fit_scaling(points: Points, draws: int = 1000, seed: int = 0, tied: bool = False) -> Fit:
    """Fit the runs, then `draws` samples of them with replacement, whole runs at a time.

    Args:
        points: The runs, N under one convention, loss in one unit.
        draws: Bootstrap samples; those too poor to fit are drawn again.
        seed: Of the bootstrap.
        tied: Whether to demand alpha = beta.

    Raises:
        UserError: See `fit_surface`.
    """
    _demand_enough(points)
    whole = Problem.of(points.params, points.tokens, points.loss, np.ones(len(points)))
    theta = solve(whole, tied=tied)
    surface = _surface(whole, theta)
    residual = np.log(surface.predict(points.params, points.tokens) / points.loss)
    fitted = tuple(_refit(points, weight, surface, tied) for weight in _fit_weights(points, draws, seed))
    return Fit(
        surface=surface,
        draws=fitted,
        points=points,
        objective=whole.objective(theta),
        log_rms=float(np.sqrt(np.mean(residual**2))),
        warnings=(*find_warnings(points, surface), *draw_warnings(fitted)),
        tied=tied,
        leave_outs=tuple(_leave_outs(points, surface, tied)) if fitted else (),
    )


def _fit_weights(points: Points, draws: int, seed: int) -> list[Floats]:
    """Bootstrap weights of samples that can be fitted: of few runs, some hold too few distinct ones."""
    possible = bootstrap_weights(points.run, 20 * draws, seed)
    return list(islice((weight for weight in possible if not _lacks(points.where(weight > 0))), draws))


def _leave_outs(points: Points, surface: Surface, tied: bool) -> Iterator[Surface]:
    for weight in leave_out_weights(points.run):
        if not _lacks(points.where(weight > 0)):
            yield _refit(points, weight, surface, tied)


def _refit(points: Points, weight: Floats, start: Surface, tied: bool) -> Surface:
    problem = Problem.of(points.params, points.tokens, points.loss, weight)
    return _surface(problem, solve(problem, (_theta(problem, start),), cells=10, valleys=2, tied=tied))


def _theta(problem: Problem, surface: Surface) -> Floats:
    """The surface in the problem's centred coordinates."""
    n, d = problem.centre
    terms = (surface.E, surface.A * np.exp(-surface.alpha * n), surface.B * np.exp(-surface.beta * d))
    return np.array([*terms, surface.alpha, surface.beta])


def _surface(problem: Problem, theta: Floats) -> Surface:
    E, A, B = np.where(theta[:3] <= LOW[:3], 0.0, theta[:3])
    alpha, beta = theta[3:]
    n, d = problem.centre
    return Surface(float(E), float(A * np.exp(alpha * n)), float(B * np.exp(beta * d)), float(alpha), float(beta))


def _demand_enough(points: Points) -> None:
    if lack := _lacks(points):
        hint = f"It takes {LEAST_POINTS} distinct runs at least, of 2 sizes and 2 token counts."
        raise UserError(f"these runs cannot be fitted: {lack}.", hint)


def _lacks(points: Points) -> str:
    """What is missing for a fit, in words; empty where nothing is."""
    distinct = len(set(zip(points.params.tolist(), points.tokens.tolist(), strict=True)))
    if distinct < LEAST_POINTS:
        return f"only {distinct} distinct pairs of parameters and tokens"
    if len(np.unique(points.params)) < 2:
        return "all have the same number of parameters"
    if len(np.unique(points.tokens)) < 2:
        return "all have the same number of tokens"
    return ""
