"""Bootstrap intervals: whole runs drawn again, and the ends read off as percentiles or corrected for bias.

    weights = bootstrap_weights(points.run, draws=1000, seed=0)   # one float64[rows] a sample
    percentile(draws, 0.9), bca(value, draws, leave_outs, 0.9)

Source: Efron & Tibshirani 1993, chapters 13 and 14. Rows of one run stay together (cluster bootstrap), since
the checkpoints of a run share its luck.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from model.scaling.points import Floats

NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its interval; without draws both ends are the number itself."""

    value: float
    low: float
    high: float


def run_numbers(run: Sequence[str]) -> np.ndarray:
    """Number of each row's run, int64[rows], in order of first appearance."""
    place = {label: index for index, label in enumerate(dict.fromkeys(run))}
    return np.array([place[label] for label in run], np.int64)


def bootstrap_weights(run: Sequence[str], draws: int, seed: int) -> Iterator[Floats]:
    """How often each row counts in each sample, float64[rows]: as many runs as there are, with replacement."""
    of_row = run_numbers(run)
    runs = int(of_row.max()) + 1
    random = np.random.default_rng(seed)
    for _ in range(draws):
        counts = np.bincount(random.integers(0, runs, runs), minlength=runs)
        yield counts[of_row].astype(np.float64)


def leave_out_weights(run: Sequence[str]) -> Iterator[Floats]:
    """Ones but for one run's rows, each run in turn, float64[rows]."""
    of_row = run_numbers(run)
    for left_out in range(int(of_row.max()) + 1):
        yield (of_row != left_out).astype(np.float64)


def percentile(draws: Sequence[float], level: float) -> tuple[float, float]:
    """The ends between which `level` of the draws lie; infinities are values like others."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return float(low), float(high)


def bca(value: float, draws: Sequence[float], leave_outs: Sequence[float], level: float) -> tuple[float, float]:
    """Bias-corrected and accelerated ends: the percentiles moved by the draws' bias and by their skewness.

    Args:
        value: Of all runs.
        draws: Of the bootstrap's samples.
        leave_outs: With one run left out at a time; where they are none or infinite, skewness is taken as 0.
        level: Probability the interval is meant to cover.
    """
    found = np.asarray(draws, np.float64)
    below = (np.count_nonzero(found < value) + 0.5 * np.count_nonzero(found == value)) / len(found)
    bias = NORMAL.inv_cdf(min(max(below, 0.5 / len(found)), 1 - 0.5 / len(found)))
    skew = _acceleration(np.asarray(leave_outs, np.float64))
    shares = []
    for end in ((1 - level) / 2, (1 + level) / 2):
        score = bias + NORMAL.inv_cdf(end)
        shares.append(min(max(NORMAL.cdf(bias + score / max(1 - skew * score, 1e-3)), 0.0), 1.0))
    low, high = np.quantile(found, shares, method="inverted_cdf")
    return float(low), float(high)


def _acceleration(leave_outs: Floats) -> float:
    if len(leave_outs) < 3 or not np.isfinite(leave_outs).all():
        return 0.0
    moved = leave_outs.mean() - leave_outs
    spread = float((moved**2).sum())
    return float((moved**3).sum() / (6 * spread**1.5)) if spread > 0 else 0.0
