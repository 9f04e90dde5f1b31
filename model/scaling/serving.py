"""The optimum once a model is also served: a smaller model trained for longer on the same loss.

Source: Sardana et al. 2024 (arXiv:2401.00448): of all (N, D) that reach a loss, the one of least
6 N D + 2 N T, with T the tokens read and written in the model's lifetime. T = 0 is the compute optimum; the more is
served, the further it moves towards fewer parameters and more tokens, which is where Llama 3 lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from model.scaling.hardware import INFERENCE_FLOPS_PER_PARAM_TOKEN
from model.scaling.points import FLOPS_PER_PARAM_TOKEN
from model.scaling.surface import Surface

NARROWEST = 1e-4
"""Least N looked at, as a share of the compute-optimal one."""


@dataclass(frozen=True, slots=True)
class Served:
    """The cheapest model of a loss for a lifetime of tokens.

    Attributes:
        flops: Training and serving together.
        saved: Share of that which it saves against serving the compute-optimal model of the same loss.
    """

    params: float
    tokens: float
    flops: float
    saved: float


def serve_optimum(surface: Surface, loss: float, served_tokens: float, points: int = 4001) -> Served:
    """N and D of least 6 N D + 2 N T among those that reach a loss; nan where none does."""
    best = flops_for_loss(surface, loss)
    if not np.isfinite(best):
        return Served(*[float("nan")] * 4)
    optimum = float(surface.best_params(best))
    params = optimum * np.geomspace(NARROWEST, 2.0, points)
    left = loss - surface.E - surface.A * params**-surface.alpha
    params, left = params[left > 0], left[left > 0]
    tokens = (surface.B / left) ** (1 / surface.beta)
    total = lifetime_flops(params, tokens, served_tokens)
    least = int(np.argmin(total))
    plain = lifetime_flops(optimum, float(surface.best_tokens(best)), served_tokens)
    return Served(float(params[least]), float(tokens[least]), float(total[least]), float(1 - total[least] / plain))


def lifetime_flops(params: Any, tokens: Any, served_tokens: float) -> Any:
    """6 N D to train and 2 N T to serve; also of arrays."""
    return FLOPS_PER_PARAM_TOKEN * params * tokens + INFERENCE_FLOPS_PER_PARAM_TOKEN * params * served_tokens


def flops_for_loss(surface: Surface, loss: float) -> float:
    """Least 6 N D that reaches a loss; infinite at or below the irreducible one.

    On the frontier alpha A / N^alpha = beta B / D^beta, so both terms are fixed shares of loss - E.
    """
    excess = loss - surface.E
    if excess <= 0 or surface.A == 0 or surface.B == 0:
        return float("inf")
    both = surface.alpha + surface.beta
    params = (surface.A * both / (surface.beta * excess)) ** (1 / surface.alpha)
    tokens = (surface.B * both / (surface.alpha * excess)) ** (1 / surface.beta)
    return float(FLOPS_PER_PARAM_TOKEN * params * tokens)
