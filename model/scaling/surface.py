"""The surface L(N, D) and what follows from it in closed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from model.scaling.points import FLOPS_PER_PARAM_TOKEN


@dataclass(frozen=True, slots=True)
class Surface:
    """L(N, D) = E + A / N^alpha + B / D^beta, in the unit of the losses it was fitted to."""

    E: float
    A: float
    B: float
    alpha: float
    beta: float

    def predict(self, params: Any, tokens: Any) -> Any:
        """Loss of a model of `params` parameters after `tokens` tokens; numbers or arrays."""
        return self.E + self.A * np.power(params, -self.alpha) + self.B * np.power(tokens, -self.beta)

    def best_params(self, flops: Any) -> Any:
        """N of least loss where 6 N D = flops; 0 where size does not matter, infinite where tokens do not.

        G (C/6)^(beta / (alpha+beta)) with G = (alpha A / beta B)^(1 / (alpha+beta)).
        Source: Hoffmann et al. 2022, (4).
        """
        if self.B == 0:
            return np.full(np.shape(flops), np.inf)[()]
        both = self.alpha + self.beta
        ratio = (self.alpha * self.A / (self.beta * self.B)) ** (1 / both)
        return ratio * np.power(np.asarray(flops) / FLOPS_PER_PARAM_TOKEN, self.beta / both)

    def best_tokens(self, flops: Any) -> Any:
        """D of least loss where 6 N D = flops."""
        with np.errstate(divide="ignore"):
            return np.asarray(flops) / FLOPS_PER_PARAM_TOKEN / self.best_params(flops)

    def best_loss(self, flops: Any) -> Any:
        """Least loss that `flops` FLOP can buy; E where one of the terms is gone and all goes into the other."""
        if self.A == 0 or self.B == 0:
            return np.full(np.shape(flops), self.E)[()]
        with np.errstate(divide="ignore"):
            return self.predict(self.best_params(flops), self.best_tokens(flops))

    def best_ratio(self, flops: Any) -> Any:
        """Tokens a parameter where 6 N D = flops and loss is least."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.best_tokens(flops)) / self.best_params(flops)

    @property
    def params_exponent(self) -> float:
        """a in N_opt ~ C^a; D_opt ~ C^(1 - a)."""
        return self.beta / (self.alpha + self.beta)


CONSTANTS: dict[str, Callable[[Surface], float]] = {
    "E": lambda surface: surface.E,
    "A": lambda surface: surface.A,
    "B": lambda surface: surface.B,
    "alpha": lambda surface: surface.alpha,
    "beta": lambda surface: surface.beta,
    "params_exponent": lambda surface: surface.params_exponent,
}
"""What a table of fits prints."""
