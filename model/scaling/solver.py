"""The global optimum of the parametric scaling fit, from any data.

    L(N, D) = E + A / N^alpha + B / D^beta,  minimising  sum_i w_i Huber_delta(log L(N_i, D_i) - log loss_i)

Source: Hoffmann et al. 2022, approach 3. The objective has several minima and a long flat valley: L-BFGS from
a grid of starts, as published, stops in the valley and reports success. Here, instead:

1. variable projection: for fixed exponents the surface is linear in (E, A, B) >= 0, so each cell of a grid
   over (alpha, beta) is a non-negative least squares of three variables, solved exactly for all cells at
   once, re-weighted a few times so that it follows the Huber loss;
2. the grid's valleys start a trust-region Newton polish of the real objective, in the three terms at the
   geometric mean of the runs, where they are near independent, and in the exponents, all within their ranges.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from model.scaling.points import Floats

HUBER_DELTA = 1e-3
"""Residual of log loss from which Huber's loss is linear. Source: Hoffmann et al. 2022, appendix D.2."""

EXPONENTS = (0.02, 3.0)
"""Exponents looked for. At the floor a term is a logarithm; past the ceiling it is gone within one size."""

LOW = np.array([1e-12, 1e-12, 1e-12, EXPONENTS[0], EXPONENTS[0]])
HIGH = np.array([np.inf, np.inf, np.inf, EXPONENTS[1], EXPONENTS[1]])
"""Range of theta = (E, A', B', alpha, beta); the tiny floor, read as zero, keeps the logarithm finite."""

FREE = np.eye(5)
TIED = np.vstack([np.eye(4), np.eye(4)[3]])
"""Directions theta may move in: the columns; tied, both exponents move as one."""

BLOCK, SKETCH_STEPS, FINISHED = 5, 15, 2
"""Cells of a block's side; steps from every start, and how many starts are then followed to the end."""

SUBSETS = tuple(list(columns) for size in (3, 2, 1) for columns in combinations(range(3), size))


@dataclass(frozen=True)
class Problem:
    """A fit to solve: logarithms centred on the runs' geometric mean.

    Attributes:
        n, d: float64[rows], log N and log D less their weighted means.
        log_loss: float64[rows].
        weight: float64[rows], how often a run counts (bootstrap counts; ones for the data themselves).
        centre: The two means taken off.
    """

    n: Floats
    d: Floats
    log_loss: Floats
    weight: Floats
    centre: tuple[float, float]
    delta: float = HUBER_DELTA

    @classmethod
    def of(cls, params: Floats, tokens: Floats, loss: Floats, weight: Floats, delta: float = HUBER_DELTA) -> Problem:
        """The problem of runs with positive weight."""
        used = weight > 0
        n, d, w = np.log(params[used]), np.log(tokens[used]), weight[used]
        centre = (float(np.average(n, weights=w)), float(np.average(d, weights=w)))
        return cls(n - centre[0], d - centre[1], np.log(loss[used]), w, centre, delta)

    def objective(self, theta: Floats) -> float:
        """The summed Huber loss at theta = (E, A', B', alpha, beta), the terms at the centre."""
        return float(self.weight @ _huber(self._residual(theta)[0], self.delta))

    def _residual(self, theta: Floats) -> tuple[Floats, Floats]:
        """Residuals float64[rows], and derivatives of log L in the three coefficients, float64[rows, 3]."""
        basis = np.ones((len(self.n), 3))
        basis[:, 1] = np.exp(-theta[3] * self.n)
        basis[:, 2] = np.exp(-theta[4] * self.d)
        total = basis @ theta[:3]
        return np.log(total) - self.log_loss, basis / total[:, None]

    def derivatives(self, theta: Floats) -> tuple[float, Floats, Floats]:
        """Objective, gradient float64[5] and Hessian float64[5, 5]."""
        residual, share = self._residual(theta)
        pull = self.weight * np.clip(residual, -self.delta, self.delta)
        curved = self.weight * (np.abs(residual) <= self.delta)
        slopes = np.column_stack([-share[:, 1] * self.n, -share[:, 2] * self.d])
        jacobian = np.column_stack([share, slopes * theta[1:3]])
        hessian = (jacobian * (curved - pull)[:, None]).T @ jacobian
        for term, exponent, slope, x in ((1, 3, slopes[:, 0], self.n), (2, 4, slopes[:, 1], self.d)):
            hessian[term, exponent] += pull @ slope
            hessian[exponent, term] += pull @ slope
            hessian[exponent, exponent] -= theta[term] * (pull @ (slope * x))
        return float(self.weight @ _huber(residual, self.delta)), jacobian.T @ pull, hessian


def solve(
    problem: Problem, starts: tuple[Floats, ...] = (), cells: int = 20, valleys: int = 6, tied: bool = False
) -> Floats:
    """Theta at the global optimum: the best of the given starts and of the grid's valleys, polished.

    Args:
        problem: What to fit.
        starts: Further thetas to polish from (a bootstrap starts at the fit of the data).
        cells: Grid cells along each exponent.
        valleys: Most valleys of the grid to polish.
        tied: Whether alpha = beta is demanded; starts must then obey it.
    """
    axis = np.geomspace(*EXPONENTS, cells)
    alphas, betas = (axis[:, None], axis[:, None]) if tied else np.meshgrid(axis, axis, indexing="ij")
    directions = TIED if tied else FREE
    found = [*starts, *_starts(problem, alphas, betas, valleys)]
    sketched = sorted((_polish(problem, theta, directions, SKETCH_STEPS) for theta in found), key=problem.objective)
    return min((_polish(problem, theta, directions) for theta in sketched[:FINISHED]), key=problem.objective)


def _huber(residual: Floats, delta: float) -> Floats:
    size = np.abs(residual)
    quadratic: Floats = np.where(size <= delta, 0.5 * residual**2, delta * (size - 0.5 * delta))
    return quadratic


def _starts(problem: Problem, alphas: Floats, betas: Floats, most: int) -> list[Floats]:
    """Thetas to polish from: grid cells lower than their neighbours, best first, and the best cells of blocks.

    A valley so narrow in one exponent that no cell lies in it shows only as a slope of the grid: of 251 made-up
    surfaces one was missed without the blocks, and none with them.
    """
    coefficients, value = _project(problem, alphas, betas)
    padded = np.pad(value, 1, constant_values=np.inf)
    rows, columns = value.shape
    around = np.stack(
        [padded[1 + i : 1 + i + rows, 1 + j : 1 + j + columns] for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
    )
    lows = np.argwhere(value <= around.min(axis=0))
    lows = lows[np.argsort(value[tuple(lows.T)], kind="stable")][:most]
    corners = [(i, j) for i in range(0, rows, BLOCK) for j in range(0, columns, BLOCK)]
    lowest = [_lowest(value, *corner) for corner in corners]
    blocks = sorted(lowest, key=lambda cell: float(value[cell]))[: most + 2]
    cells = dict.fromkeys([*map(tuple, lows.tolist()), *blocks])
    return [np.array([*coefficients[cell], alphas[cell], betas[cell]]) for cell in cells]


def _lowest(value: Floats, row: int, column: int) -> tuple[int, int]:
    """The lowest cell of the block that begins there."""
    block = value[row : row + BLOCK, column : column + BLOCK]
    i, j = np.unravel_index(int(np.argmin(block)), block.shape)
    return row + int(i), column + int(j)


def _project(problem: Problem, alphas: Floats, betas: Floats, rounds: int = 5) -> tuple[Floats, Floats]:
    """Best (E, A', B') >= 0 of every cell, float64[a, b, 3], and the objective there, float64[a, b].

    `alphas` and `betas`, float64[a, b], are the cells' exponents. Residuals of log loss are small, so
    log(L / loss) ~ L / loss - 1, linear in the coefficients.
    """
    design = _design(problem, alphas, betas)
    weight = np.broadcast_to(problem.weight, design.shape[:3])
    best = np.full(design.shape[:2], np.inf)
    kept = np.zeros((*design.shape[:2], 3))
    for _ in range(rounds):
        coefficients = _nonnegative(design, weight)
        fitted = np.einsum("abri,abi->abr", design, coefficients)
        residual = np.log(np.maximum(fitted, 1e-12))
        value = _huber(residual, problem.delta) @ problem.weight
        better = value < best
        best[better], kept[better] = value[better], coefficients[better]
        weight = problem.weight / np.maximum(np.abs(residual), problem.delta)
    return kept, best


def _design(problem: Problem, alphas: Floats, betas: Floats) -> Floats:
    """The three terms over the loss, float64[a, b, rows, 3]."""
    inverse = np.exp(-problem.log_loss)
    design = np.empty((*alphas.shape, len(inverse), 3))
    design[..., 0] = inverse
    for term, exponents, x in ((1, alphas, problem.n), (2, betas, problem.d)):
        values, cell = np.unique(exponents, return_inverse=True)
        design[..., term] = (np.exp(-np.outer(values, x)) * inverse)[cell.reshape(exponents.shape)]
    return design


def _nonnegative(design: Floats, weight: npt.NDArray[np.float64]) -> Floats:
    """Weighted non-negative least squares of ones on three columns: each cell's best feasible subset."""
    weighted = design * weight[..., None]
    gram = np.einsum("abri,abrj->abij", weighted, design, optimize=True)
    target = weighted.sum(axis=2)
    best = np.zeros((*design.shape[:2], 3))
    gain = np.full(design.shape[:2], -np.inf)
    for columns in SUBSETS:
        block = gram[:, :, columns][:, :, :, columns]
        ridge = 1e-13 * np.trace(block, axis1=2, axis2=3)[..., None, None] * np.eye(len(columns))
        part = np.linalg.solve(block + ridge, target[:, :, columns, None])[..., 0]
        explained = np.where((part >= 0).all(axis=2), np.einsum("abi,abi->ab", part, target[:, :, columns]), -np.inf)
        better = explained > gain
        gain[better] = explained[better]
        solution = np.zeros_like(best)
        solution[:, :, columns] = part
        best[better] = solution[better]
    return best


def _polish(problem: Problem, start: Floats, directions: Floats, steps: int = 200) -> Floats:
    """Trust-region Newton with exact second derivatives, in the box of LOW and HIGH.

    A coordinate at an end of its range whose slope pushes outwards is held there for the step. `directions`
    are `FREE` or `TIED`.
    """
    theta, radius = np.clip(start, LOW, HIGH), 0.5
    value, gradient, hessian = problem.derivatives(theta)
    for _ in range(steps):
        step = directions @ _bounded_step(theta, gradient, hessian, directions, radius)
        step = np.clip(theta + step, LOW, HIGH) - theta
        promised = -float(gradient @ step + 0.5 * step @ hessian @ step)
        length = float(np.linalg.norm(step))
        if length < 1e-13 or abs(promised) <= 1e-16 * value:
            break
        trial = problem.derivatives(theta + step)
        ratio = (value - trial[0]) / promised if promised > 0 else -1.0
        if ratio > 0:
            theta, (value, gradient, hessian) = theta + step, trial
        radius = _next_radius(radius, length, ratio)
    return theta


def _bounded_step(theta: Floats, gradient: Floats, hessian: Floats, directions: Floats, radius: float) -> Floats:
    """The trust region's step along the directions; those whose coordinate is held at its end stay still."""
    count = directions.shape[1]
    place, slope = theta[:count], directions.T @ gradient
    free = ~(((place <= LOW[:count]) & (slope > 0)) | ((place >= HIGH[:count]) & (slope < 0)))
    step = np.zeros(count)
    curvature = directions.T @ hessian @ directions
    step[free] = _trust_step(slope[free], curvature[np.ix_(free, free)], radius)
    return step


def _next_radius(radius: float, length: float, ratio: float) -> float:
    if ratio < 0.25:
        return 0.3 * length
    return min(2 * radius, 2.0) if ratio > 0.75 and length > 0.9 * radius else radius


def _trust_step(gradient: Floats, hessian: Floats, radius: float) -> Floats:
    """The step that lowers the quadratic model most within the radius, to a tenth of the radius.

    In the eigenvectors' frame the step is slope / (eigenvalue + shift); its length falls as the shift grows.
    """
    values, vectors = np.linalg.eigh(hessian)
    slope = vectors.T @ gradient
    low = max(0.0, -float(values[0])) + 1e-14 * max(1e-6, float(np.abs(values).max()))
    length = float(np.linalg.norm(slope / (values + low)))
    if length <= radius:
        return np.asarray(vectors @ (-slope / (values + low)))
    high = low + float(np.linalg.norm(slope)) / radius
    shift = high
    while not 0.9 * radius <= (length := float(np.linalg.norm(slope / (values + shift)))) <= radius:
        low, high = (shift, high) if length > radius else (low, shift)
        shift = 0.5 * (low + high)
        if high - low <= 1e-12 * high:
            break
    return np.asarray(vectors @ (-slope / (values + shift)))
