"""What repeated tokens and more parameters than they can fill are worth, and training beyond the optimum.

Source: Muennighoff et al. 2023 (arXiv:2305.16264), section 3.1: with U unique tokens seen D / U times, they are
worth D' = U + U R* (1 - exp(-R / R*)) fresh ones, R = D / U - 1 being the repetitions: up to four epochs are
nearly as good as fresh text, and no number of epochs is worth more than (1 + R*) U. Excess parameters lose
their worth in the same way, those beyond the size that is best for U.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from model.scaling.points import FLOPS_PER_PARAM_TOKEN, Floats, Points
from model.scaling.solver import Problem, solve
from model.scaling.surface import Surface

TOKEN_DECAY = 15.39
"""R* of repeated tokens. Source: Muennighoff et al. 2023, table 1 of the appendix (R_D)."""

PARAM_DECAY = 5.31
"""R* of excess parameters. Source: the same (R_N)."""

LEAST_REPEATED = 5
"""Runs of two epochs or more from which R* is fitted rather than taken from the paper."""


def effective(total: Any, unique: Any, decay: float) -> Any:
    """Worth of `total` of which only `unique` are distinct; `total` itself where nothing repeats."""
    unique = np.minimum(unique, total)
    repeats = total / unique - 1
    return unique + unique * decay * -np.expm1(-repeats / decay)


def effective_tokens(tokens: Any, unique: Any, decay: float = TOKEN_DECAY) -> Any:
    """Fresh tokens that D tokens of U unique ones are worth."""
    return effective(tokens, unique, decay)


def best_params_for_tokens(surface: Surface, tokens: float) -> float:
    """The size for which `tokens` would be the compute-optimal amount; infinite where loss does not depend on it."""
    if surface.A == 0 or surface.B == 0:
        return float("inf")
    slope = surface.beta * surface.B * tokens**-surface.beta / (surface.alpha * surface.A)
    return float(slope ** (-1 / surface.alpha))


def effective_params(surface: Surface, params: Any, unique: float, decay: float = PARAM_DECAY) -> Any:
    """Parameters that N are worth on U unique tokens."""
    return effective(params, np.minimum(params, best_params_for_tokens(surface, unique)), decay)


def predict_repeated(surface: Surface, params: Any, tokens: Any, unique: float) -> Any:
    """Loss of N parameters after D tokens of which U are unique; the plain surface's where D <= U."""
    size = effective_params(surface, params, unique)
    repeated = surface.predict(size, effective_tokens(tokens, unique))
    return np.where(np.asarray(tokens) <= unique, surface.predict(params, tokens), repeated)[()]


def fit_token_decay(points: Points, unique: Floats) -> float:
    """R* of least Huber loss for these runs, or the paper's where too few of them repeat.

    A one-dimensional search over R*, each with its own optimal surface.
    """
    if np.count_nonzero(points.tokens >= 2 * unique) < LEAST_REPEATED:
        return TOKEN_DECAY

    def objective(log_decay: float) -> float:
        worth = effective_tokens(points.tokens, unique, float(np.exp(log_decay)))
        problem = Problem.of(points.params, worth, points.loss, np.ones(len(points)))
        return problem.objective(solve(problem))

    grid = np.linspace(np.log(0.5), np.log(200), 25)
    values = [objective(at) for at in grid]
    low = int(np.argmin(values))
    left, right = grid[max(low - 1, 0)], grid[min(low + 1, len(grid) - 1)]
    found = minimize_scalar(objective, bounds=(left, right), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def overtraining(surface: Surface, params: float, tokens: float) -> float:
    """Tokens over those that are best for the compute spent, 6 N D: 1 on the frontier, more beyond it."""
    return float(tokens / surface.best_tokens(FLOPS_PER_PARAM_TOKEN * params * tokens))
