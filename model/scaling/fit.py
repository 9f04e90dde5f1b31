"""The parametric scaling law of a set of runs, with intervals, and what the runs cannot tell.

fit = fit_scaling(make_points(params, tokens, loss))
fit.surface.predict(7e9, 1.4e11), fit.interval(lambda s: s.predict(7e9, 1.4e11))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from model.scaling.checks import draw_warnings, find_warnings
from model.scaling.points import Floats, Points
from model.scaling.solver import LOW, Problem, solve
from model.scaling.surface import Surface
from storage.errors import UserError

LEVEL = 0.9
"""Probability an interval is meant to cover."""

LEAST_POINTS = 5
"""Distinct (N, D) a surface of five constants takes."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its interval: bootstrap percentiles; without draws both ends are the number itself."""

    value: float
    low: float
    high: float


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
    """

    surface: Surface
    draws: tuple[Surface, ...]
    points: Points
    objective: float
    log_rms: float
    warnings: tuple[str, ...]

    @property
    def max_flops(self) -> float:
        """Compute of the largest run."""
        return float(self.points.flops.max())

    def interval(self, quantity: Callable[[Surface], float], level: float = LEVEL) -> Estimate:
        """A quantity of the surface, with the percentile interval of its bootstrap draws."""
        value = float(quantity(self.surface))
        if not self.draws:
            return Estimate(value, value, value)
        found = [float(quantity(draw)) for draw in self.draws]
        low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")  # infinities too
        return Estimate(value, float(low), float(high))


def fit_surface(points: Points, weight: Floats | None = None) -> Surface:
    """The surface of least Huber loss (delta 1e-3) on log loss: the global optimum (`model.scaling.solver`).

    Raises:
        UserError: Fewer than five distinct (N, D), or only one size or one token count.
    """
    _demand_enough(points)
    weights = np.ones(len(points)) if weight is None else weight
    problem = Problem.of(points.params, points.tokens, points.loss, weights)
    return _surface(problem, solve(problem))


def fit_scaling(points: Points, draws: int = 1000, seed: int = 0) -> Fit:
    """Fit the runs, then `draws` samples of them with replacement, whole runs at a time.

    Args:
        points: The runs, N under one convention, loss in one unit.
        draws: Bootstrap samples; those too poor to fit are drawn again.
        seed: Of the bootstrap.

    Raises:
        UserError: See `fit_surface`.
    """
    _demand_enough(points)
    whole = Problem.of(points.params, points.tokens, points.loss, np.ones(len(points)))
    theta = solve(whole)
    surface = _surface(whole, theta)
    residual = np.log(surface.predict(points.params, points.tokens) / points.loss)
    fitted = tuple(_refit(points, weight, surface) for weight in bootstrap_weights(points, draws, seed))
    return Fit(
        surface=surface,
        draws=fitted,
        points=points,
        objective=whole.objective(theta),
        log_rms=float(np.sqrt(np.mean(residual**2))),
        warnings=(*find_warnings(points, surface), *draw_warnings(fitted)),
    )


def fit_groups(points: Points, draws: int = 1000, seed: int = 0) -> dict[str, Fit]:
    """A fit of each group, by its name.

    Raises:
        UserError: A group cannot be fitted; its name and why.
    """
    fits = {}
    for name, members in points.groups().items():
        try:
            fits[name] = fit_scaling(members, draws, seed)
        except UserError as error:
            raise UserError(f"group {name}: {error.message}" if name else error.message, error.hint) from error
    return fits


def bootstrap_weights(points: Points, draws: int, seed: int) -> list[Floats]:
    """How often each row counts in each sample, float64[n]: whole runs drawn with replacement."""
    labels = list(dict.fromkeys(points.run))
    place = {label: index for index, label in enumerate(labels)}
    of_row = np.array([place[label] for label in points.run])
    random = np.random.default_rng(seed)
    weights: list[Floats] = []
    for _ in range(20 * draws):  # a sample of few runs may hold too few distinct ones; of enough, hardly any does
        if len(weights) == draws:
            break
        counts = np.bincount(random.integers(0, len(labels), len(labels)), minlength=len(labels))
        weight = counts[of_row].astype(np.float64)
        if not _lacks(points.where(weight > 0)):
            weights.append(weight)
    return weights


def predict_held_out(points: Points, held_out: Sequence[bool] | np.ndarray) -> Floats:
    """Losses of the held-out runs, float64[held], predicted by a fit of the others.

    Raises:
        UserError: The others are too few; see `fit_surface`.
    """
    held = np.asarray(held_out, bool)
    surface = fit_surface(points.where(~held))
    return np.asarray(surface.predict(points.params[held], points.tokens[held]), np.float64)


def _refit(points: Points, weight: Floats, start: Surface) -> Surface:
    problem = Problem.of(points.params, points.tokens, points.loss, weight)
    return _surface(problem, solve(problem, (_theta(problem, start),), cells=10, valleys=2))


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
