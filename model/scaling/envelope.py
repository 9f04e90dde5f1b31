"""Approach 1: the lower envelope of the curves of loss against compute, one curve a size.

Source: Hoffmann et al. 2022, section 3.1: at each of many budgets, the size whose curve is lowest there; then
N_opt ~ C^a through those. A curve here is a size's runs, each trained to its own end; between them log loss is
interpolated over log C. Budgets where the lowest curve is that of the smallest or the largest size say only
that the optimum lies at or beyond it, and are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.scaling.points import Floats, Points

BUDGETS = 300
"""Budgets looked at; Hoffmann et al.: 1,500 over nine decades."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """N_opt = scale * C^exponent by the envelope.

    Attributes:
        exponent: a in N_opt ~ C^a.
        scale: N_opt at one FLOP; use `best_params`.
        sizes: Sizes that are lowest somewhere and have a smaller and a larger neighbour.
        flops: float64[k], budgets used.
        params: float64[k], the lowest size at each.
        loss: float64[k], its loss there.
    """

    exponent: float
    scale: float
    sizes: int
    flops: Floats
    params: Floats
    loss: Floats

    def best_params(self, flops: float) -> float:
        """N_opt at a budget."""
        return float(self.scale * flops**self.exponent)


def fit_envelope(points: Points, flops: Floats | None = None, weight: Floats | None = None) -> Envelope | None:
    """The envelope's power law; None where fewer than two sizes are lowest between others.

    Args:
        points: The runs.
        flops: Their compute; by default 6 N D.
        weight: float64[n], bootstrap counts; runs of weight zero are not there.
    """
    compute = points.flops if flops is None else flops
    used = np.ones(len(points), bool) if weight is None else weight > 0
    curves = _curves(points.params[used], compute[used], points.loss[used])
    if len(curves) < 3:
        return None
    sizes = np.array(sorted(curves))
    budgets = np.geomspace(compute[used].min(), compute[used].max(), BUDGETS)
    losses = np.vstack([_along(curves[size], np.log(budgets)) for size in sizes])
    reached = np.isfinite(losses).any(axis=0)
    best = np.where(np.isfinite(losses), losses, np.inf).argmin(axis=0)
    inside = reached & _has_neighbours(losses, best)
    found = sizes[best[inside]]
    if len(np.unique(found)) < 2:
        return None
    slope, level = np.polyfit(np.log(budgets[inside]), np.log(found), 1)
    lowest = np.exp(losses[best[inside], np.flatnonzero(inside)])
    return Envelope(float(slope), float(np.exp(level)), len(np.unique(found)), budgets[inside], found, lowest)


def _curves(params: Floats, flops: Floats, loss: Floats) -> dict[float, tuple[Floats, Floats]]:
    """Log compute, growing, and log loss of every size with two budgets or more; seeds averaged."""
    curves = {}
    for size in np.unique(params):
        rows = params == size
        budgets, place = np.unique(np.round(np.log(flops[rows]), 9), return_inverse=True)
        if len(budgets) > 1:
            mean = np.bincount(place, np.log(loss[rows])) / np.bincount(place)
            curves[float(size)] = (budgets, mean)
    return curves


def _along(curve: tuple[Floats, Floats], log_flops: Floats) -> Floats:
    """Log loss along a curve; nan beyond its ends."""
    return np.interp(log_flops, curve[0], curve[1], left=np.nan, right=np.nan)


def _has_neighbours(losses: Floats, best: np.ndarray) -> np.ndarray:
    """Whether both a smaller and a larger size have a curve at the budget, bool[k]."""
    known = np.isfinite(losses)
    rows = np.arange(len(losses))[:, None]
    return np.asarray((known & (rows < best)).any(axis=0) & (known & (rows > best)).any(axis=0))
