"""Approach 2: at each of several budgets, the size of least loss; then N_opt ~ C^a through those sizes.

Source: Hoffmann et al. 2022, section 3.2: a parabola of loss over log N. Porian et al. 2024 interpolate
instead (Akima 1970, over log N) and take the uncertainty from noise added to the losses, by as much as seeds
differ.

A known bias: a valley is a sum of two exponentials of log N, not a parabola. Where the sizes run are not
centred on the optimum the parabola's vertex is off, and where they drift off centre with the budget the
exponent is too. `bias` says by how much on these very runs: the same procedure on the losses of a known
surface, without noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.interpolate import Akima1DInterpolator

from model.scaling.intervals import Estimate, percentile
from model.scaling.points import Floats, Points
from model.scaling.surface import Surface

Method = Literal["parabola", "interpolation"]
Rows = npt.NDArray[np.intp]

SAME_BUDGET = 1.12
"""Factor between neighbouring runs up to which they count as one budget."""

WHOLE_BUDGET = 1.35
"""Factor a budget may span in all: a chain of neighbours that is longer is a grid, not a budget."""

LEAST_SIZES = 4
"""Distinct sizes a valley takes: three determine a parabola, the fourth shows that it is none."""


@dataclass(frozen=True, slots=True)
class Valley:
    """One budget.

    Attributes:
        flops: Geometric mean of its runs' compute.
        params: N of least loss.
        loss: Loss there.
        sizes: Distinct sizes run.
        inside: Whether the minimum lies between the smallest and the largest size, the lowest run being
            neither; only those enter the power law.
        low, high: Interval of `params` under seed noise; nan where none was added.
    """

    flops: float
    params: float
    loss: float
    sizes: int
    inside: bool
    low: float = float("nan")
    high: float = float("nan")


@dataclass(frozen=True, slots=True)
class IsoFlop:
    """N_opt = scale * C^exponent by the valleys.

    Attributes:
        exponent: With its interval under seed noise.
        noise: Standard deviation of log loss that was added for the intervals.
        exponent_bias: What the procedure adds to the exponent on noise-free losses of a known surface.
        params_bias: The same for N_opt at the largest budget, as a factor.
    """

    method: Method
    valleys: tuple[Valley, ...]
    exponent: Estimate
    scale: float
    noise: float
    exponent_bias: float = float("nan")
    params_bias: float = float("nan")

    def best_params(self, flops: float) -> float:
        """N_opt at a budget."""
        return float(self.scale * flops**self.exponent.value)


def find_budgets(flops: Floats, params: Floats) -> list[Rows]:
    """Rows of each budget that was run with enough sizes, by growing compute."""
    order = np.argsort(flops, kind="stable")
    breaks = np.flatnonzero(np.diff(np.log(flops[order])) > np.log(SAME_BUDGET)) + 1
    groups = [np.asarray(rows, np.intp) for rows in np.split(order, breaks)]
    return [
        rows
        for rows in groups
        if len(np.unique(params[rows])) >= LEAST_SIZES and flops[rows].max() <= WHOLE_BUDGET * flops[rows].min()
    ]


def seed_noise(points: Points) -> float:
    """Standard deviation of log loss among runs of the same N and D, pooled; nan where no rung was repeated."""
    keys = np.column_stack([points.params, points.tokens])
    _, place = np.unique(keys, axis=0, return_inverse=True)
    place = place.ravel()
    counts = np.bincount(place)
    log_loss = np.log(points.loss)
    off = log_loss - (np.bincount(place, log_loss) / counts)[place]
    free = int((counts - 1).sum())
    return float(np.sqrt((off**2).sum() / free)) if free else float("nan")


def fit_isoflop(
    points: Points,
    method: Method = "parabola",
    flops: Floats | None = None,
    noise: float = 0.0,
    draws: int = 0,
    seed: int = 0,
    truth: Surface | None = None,
) -> IsoFlop | None:
    """Valleys and their power law; None where fewer than two budgets have a minimum inside.

    Args:
        points: The runs.
        method: How the minimum is found.
        flops: The runs' compute; by default 6 N D.
        noise: Standard deviation of log loss to add for the intervals.
        draws: Times to add it.
        seed: Of the noise.
        truth: A surface whose noise-free losses measure the bias.
    """
    compute = points.flops if flops is None else flops
    budgets = find_budgets(compute, points.params)
    valleys = [_valley(points, compute, rows, points.loss, method) for rows in budgets]
    line = _power_law(valleys)
    if line is None:
        return None
    random = np.random.default_rng(seed)
    noisy = [points.loss * np.exp(noise * random.standard_normal(len(points))) for _ in range(draws if noise else 0)]
    repeated = [[_valley(points, compute, rows, loss, method) for rows in budgets] for loss in noisy]
    laws = [law for law in map(_power_law, repeated) if law]
    ends = percentile([law[0] for law in laws], 0.9) if laws else (line[0], line[0])
    valleys = [_with_interval(valley, [draw[i] for draw in repeated]) for i, valley in enumerate(valleys)]
    found = IsoFlop(method, tuple(valleys), Estimate(line[0], *ends), line[1], noise)
    return _with_bias(found, points, compute, budgets, truth) if truth else found


def _valley(points: Points, compute: Floats, rows: Rows, loss: Floats, method: Method) -> Valley:
    sizes, place = np.unique(points.params[rows], return_inverse=True)
    mean = np.bincount(place, loss[rows]) / np.bincount(place)
    find = _vertex if method == "parabola" else _interpolated
    log_size, least = find(np.log(sizes), mean)
    lowest = int(mean.argmin())
    between = np.log(sizes[0]) < log_size < np.log(sizes[-1]) and 0 < lowest < len(sizes) - 1
    flops = float(np.exp(np.log(compute[rows]).mean()))
    return Valley(flops, float(np.exp(log_size)), least, len(sizes), bool(between))


def _vertex(log_sizes: Floats, loss: Floats) -> tuple[float, float]:
    """Minimum of the least-squares parabola; the lowest run where it opens downwards."""
    middle = log_sizes.mean()
    curve, slope, level = np.polyfit(log_sizes - middle, loss, 2)
    if curve <= 0:
        return float(log_sizes[loss.argmin()]), float(loss.min())
    shift = -slope / (2 * curve)
    bounded = float(np.clip(shift + middle, log_sizes[0] - 5, log_sizes[-1] + 5))
    return bounded, float(level - slope**2 / (4 * curve))


def _interpolated(log_sizes: Floats, loss: Floats) -> tuple[float, float]:
    """Minimum of the Akima interpolant."""
    fine = np.linspace(log_sizes[0], log_sizes[-1], 2001)
    curve = np.asarray(Akima1DInterpolator(log_sizes, loss)(fine))
    return float(fine[curve.argmin()]), float(curve.min())


def _power_law(valleys: Sequence[Valley]) -> tuple[float, float] | None:
    inside = [valley for valley in valleys if valley.inside]
    if len(inside) < 2:
        return None
    slope, level = np.polyfit(np.log([v.flops for v in inside]), np.log([v.params for v in inside]), 1)
    return float(slope), float(np.exp(level))


def _with_interval(valley: Valley, draws: Sequence[Valley]) -> Valley:
    if not draws:
        return valley
    low, high = percentile([draw.params for draw in draws], 0.9)
    return replace(valley, low=low, high=high)


def _with_bias(found: IsoFlop, points: Points, compute: Floats, budgets: list[Rows], truth: Surface) -> IsoFlop:
    """The procedure on the surface's own losses, against what its closed form says."""
    exact = truth.predict(points.params, points.tokens)
    valleys = [_valley(points, compute, rows, exact, found.method) for rows in budgets]
    line = _power_law(valleys)
    if line is None:
        return found
    largest = max(valley.flops for valley in valleys)
    ratio = line[1] * largest ** line[0] / float(truth.best_params(largest))
    return replace(found, exponent_bias=line[0] - truth.params_exponent, params_bias=ratio)
