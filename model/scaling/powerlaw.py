"""Kaplan's power laws: loss against size, tokens or compute alone, where nothing else limits it; and jointly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares, nnls

from model.scaling.points import Floats, Points
from model.scaling.solver import HUBER_DELTA


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


def fit_power_laws(points: Points, flops: Floats | None = None) -> dict[str, PowerLaw]:
    """L(N), L(D) and L(C), by "params", "tokens" and "flops"; none from a frontier of fewer than two runs.

    `flops` is the runs' compute, by default 6 N D.

    Each is a straight line of log loss on log x, by least squares, through the runs that no other run with as
    little of x beats.
    """
    columns = {"params": points.params, "tokens": points.tokens, "flops": points.flops if flops is None else flops}
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


@dataclass(frozen=True, slots=True)
class JointLaw:
    """L(N, D) = [(N_c / N)^(alpha_n / alpha_d) + D_c / D]^alpha_d. Source: Kaplan et al. 2020, (1.5).

    It has no irreducible loss: data that flatten out bend it.

    Attributes:
        alpha_n, alpha_d: Exponents of size and of tokens.
        log_n_c, log_d_c: Logarithms of the scales; both can be beyond what a float holds.
        log_rms: Root mean square of log(predicted / measured).
    """

    alpha_n: float
    alpha_d: float
    log_n_c: float
    log_d_c: float
    log_rms: float

    def predict(self, params: Floats | float, tokens: Floats | float) -> Floats:
        """Loss at (N, D)."""
        size = self.alpha_n / self.alpha_d * (self.log_n_c - np.log(params))
        return np.asarray(np.exp(self.alpha_d * np.logaddexp(size, self.log_d_c - np.log(tokens))), np.float64)


def fit_joint_law(points: Points) -> JointLaw | None:
    """Least Huber loss on log loss; None of fewer than four distinct (N, D).

    For fixed exponents L^(1 / alpha_d) is linear in both terms, which gives each cell of a grid its best start.
    """
    if len(set(zip(points.params.tolist(), points.tokens.tolist(), strict=True))) < 4:
        return None
    n, d, log_loss = np.log(points.params), np.log(points.tokens), np.log(points.loss)
    n0, d0, scale = n.mean(), d.mean(), log_loss.mean()
    n, d, log_loss = n - n0, d - d0, log_loss - scale

    def residual(theta: Floats) -> Floats:
        a, b, alpha_n, alpha_d = theta
        return np.asarray(alpha_d * np.logaddexp(a - alpha_n / alpha_d * n, b - d) - log_loss, np.float64)

    starts = [_joint_start(n, d, log_loss, alpha_n, alpha_d) for alpha_n in _GRID for alpha_d in _GRID]
    starts.sort(key=lambda theta: float(np.abs(residual(theta)).sum()))
    bounds = ([-60, -60, 1e-3, 1e-3], [60, 60, 3, 3])
    found = [
        least_squares(residual, theta, bounds=bounds, loss="huber", f_scale=HUBER_DELTA, x_scale="jac", max_nfev=400)
        for theta in starts[:3]
    ]
    a, b, alpha_n, alpha_d = min(found, key=lambda fit: float(fit.cost)).x
    lift = scale / alpha_d  # the mean taken off log loss belongs to both terms
    log_n_c = (a + lift) * alpha_d / alpha_n + n0
    rms = float(np.sqrt(np.mean(residual(np.array([a, b, alpha_n, alpha_d])) ** 2)))
    return JointLaw(float(alpha_n), float(alpha_d), float(log_n_c), float(b + lift + d0), rms)


_GRID = (0.03, 0.06, 0.12, 0.25, 0.5)


def _joint_start(n: Floats, d: Floats, log_loss: Floats, alpha_n: float, alpha_d: float) -> Floats:
    target = np.exp(log_loss / alpha_d)
    terms = np.column_stack([np.exp(-alpha_n / alpha_d * n), np.exp(-d)]) / target[:, None]
    weights, _ = nnls(terms, np.ones(len(n)))
    return np.array([*np.log(np.clip(weights, 1e-20, 1e20)), alpha_n, alpha_d])
