"""Kaplan's single power laws: loss against size, tokens or compute alone, where nothing else limits it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.scaling.points import Floats, Points


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """L(x) = (scale / x)^exponent, without an irreducible loss. Source: Kaplan et al. 2020, (1.1) to (1.3).

    Attributes:
        rows: Runs on the frontier it was fitted to.
        log_rms: Root mean square of log(predicted / measured) over them.
    """

    exponent: float
    scale: float
    rows: int
    log_rms: float

    def predict(self, x: Floats | float) -> Floats:
        """Loss at x."""
        return np.asarray(np.exp(self.exponent * (np.log(self.scale) - np.log(x))), np.float64)


def fit_power_laws(points: Points) -> dict[str, PowerLaw]:
    """L(N), L(D) and L(C), by "params", "tokens" and "flops"; none from a frontier of fewer than two runs.

    Each is a straight line of log loss on log x, by least squares, through the runs that no other run with as
    little of x beats.
    """
    columns = {"params": points.params, "tokens": points.tokens, "flops": points.flops}
    laws = {name: _line(x, points.loss) for name, x in columns.items()}
    return {name: law for name, law in laws.items() if law is not None}


def _line(x: Floats, loss: Floats) -> PowerLaw | None:
    rows = find_frontier(x, loss)
    if len(rows) < 2:
        return None
    log_x, log_loss = np.log(x[rows]), np.log(loss[rows])
    slope, level = np.polyfit(log_x, log_loss, 1)
    residual = log_loss - slope * log_x - level
    return PowerLaw(float(-slope), float(np.exp(-level / slope)), len(rows), float(np.sqrt(np.mean(residual**2))))


def find_frontier(x: Floats, loss: Floats) -> npt.NDArray[np.intp]:
    """Rows, by growing x, whose loss is below that of every row with an x as small."""
    rows = np.lexsort((loss, x))
    best_before = np.concatenate([[np.inf], np.minimum.accumulate(loss[rows])[:-1]])
    return rows[loss[rows] < best_before]
