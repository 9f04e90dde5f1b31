"""Runs of one size, or of one token count: how loss falls along the other axis, down to a floor.

L(D) = E + B / D^beta for runs of one size, where E holds what that size cannot learn; L(N) = E + A / N^alpha for runs
of one token count. Such runs say nothing of the best size for a budget.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from model.scaling.fit import LEVEL
from model.scaling.intervals import Estimate, bca, bootstrap_weights, leave_out_weights
from model.scaling.points import Floats, Points
from model.scaling.solver import EXPONENTS, LOW, Problem, solve
from storage.errors import UserError

Axis = Literal["params", "tokens"]

LEAST_POINTS = 4
"""Distinct places along the axis: one more than the constants."""

CONSTANTS = ("E", "scale", "exponent")


@dataclass(frozen=True, slots=True)
class OneAxisFit:
    """L(x) = E + scale / x^exponent.

    Attributes:
        axis: What x is.
        fixed: The other one, the same for all runs.
        estimates: E, scale and exponent, each with its interval.
        log_rms: Root mean square of log(predicted / measured).
        points: What it was fitted to.
        warnings: What these runs cannot tell.
    """

    axis: Axis
    fixed: float
    estimates: Mapping[str, Estimate]
    log_rms: float
    points: Points
    warnings: tuple[str, ...]

    def predict(self, x: Floats | float) -> Floats:
        """Loss at x."""
        floor, scale, exponent = (self.estimates[name].value for name in CONSTANTS)
        return np.asarray(floor + scale * np.asarray(x, np.float64) ** -exponent, np.float64)


def single_axis(points: Points) -> Axis | None:
    """The axis along which runs differ, where they differ along one only."""
    sizes, counts = len(np.unique(points.params)), len(np.unique(points.tokens))
    if sizes == 1 and counts > 1:
        return "tokens"
    return "params" if counts == 1 and sizes > 1 else None


def fit_one_axis(points: Points, axis: Axis, draws: int = 1000, seed: int = 0) -> OneAxisFit:
    """Least Huber loss (delta 1e-3) on log loss, with BCa intervals from a bootstrap over whole runs.

    Raises:
        UserError: Fewer than four distinct places along the axis.
    """
    x = _places(points, axis)
    if (distinct := len(np.unique(x))) < LEAST_POINTS:
        raise UserError(
            f"these runs differ in {axis} only, and have {distinct} values of it.",
            f"A floor and a power law take {LEAST_POINTS} at least.",
        )
    found = _solve(x, points.loss, np.ones(len(points)))
    weights = [weight for weight in bootstrap_weights(points.run, draws, seed) if _enough(x, weight)]
    drawn = [_solve(x, points.loss, weight, found) for weight in weights]
    left_out = [_solve(x, points.loss, weight, found) for weight in leave_out_weights(points.run) if _enough(x, weight)]
    estimates = {}
    for column, name in enumerate(CONSTANTS):
        value = float(found[column])
        values, others = [float(draw[column]) for draw in drawn], [float(draw[column]) for draw in left_out]
        ends = bca(value, values, others, LEVEL) if drawn else (value, value)
        estimates[name] = Estimate(value, *ends)
    residual = np.log(found[0] + found[1] * x ** -found[2]) - np.log(points.loss)
    fixed = float((points.params if axis == "tokens" else points.tokens)[0])
    log_rms = float(np.sqrt(np.mean(residual**2)))
    return OneAxisFit(axis, fixed, estimates, log_rms, points, tuple(_doubts(x, found)))


def one_axis_to_record(found: OneAxisFit) -> dict[str, Any]:
    """A fit as JSON-able values."""
    letter, term, exponent = ("D", "B", "beta") if found.axis == "tokens" else ("N", "A", "alpha")
    return {
        "form": f"L({letter}) = E + {term} / {letter}^{exponent}",
        "axis": found.axis,
        "fixed": found.fixed,
        "constants": {
            name: asdict(found.estimates[key]) for name, key in zip(("E", term, exponent), CONSTANTS, strict=True)
        },
        "interval_level": LEVEL,
        "log_rms": found.log_rms,
        "warnings": list(found.warnings),
        "points": {"x": _places(found.points, found.axis).tolist(), "loss": found.points.loss.tolist()},
    }


def _places(points: Points, axis: Axis) -> Floats:
    return points.tokens if axis == "tokens" else points.params


def _enough(x: Floats, weight: Floats) -> bool:
    return len(np.unique(x[weight > 0])) >= LEAST_POINTS


def _solve(x: Floats, loss: Floats, weight: Floats, start: Floats | None = None) -> Floats:
    """(E, scale, exponent) at the global optimum: the surface's own solver, whose term of the axis that does not vary
    is a part of the floor. `start` is a solution to begin at, besides a coarser grid."""
    problem = Problem.of(np.ones(len(x)), x, loss, weight)
    centre = problem.centre[1]
    if start is None:
        theta = solve(problem)
    else:
        first = np.array([start[0], 0.0, start[1] * np.exp(-start[2] * centre), EXPONENTS[0], start[2]])
        theta = solve(problem, (first,), cells=10, valleys=2)
    floor, scale = (0.0 if value <= 2 * LOW[0] else value for value in (theta[0] + theta[1], theta[2]))
    return np.array([floor, scale * np.exp(theta[4] * centre), theta[4]])


def _doubts(x: Floats, found: Floats) -> list[str]:
    doubts = []
    if found[0] == 0:
        doubts.append("The floor E came out as 0: the runs do not show where the curve flattens.")
    if not EXPONENTS[0] * 1.001 < found[2] < EXPONENTS[1] * 0.999:
        doubts.append(f"The exponent lies at the end of its range ({found[2]:g}): these runs do not determine it.")
    if (spread := float(x.max() / x.min())) < 10:
        doubts.append(f"The runs span a factor of {spread:.1f} only: their exponent is poorly known.")
    return doubts
