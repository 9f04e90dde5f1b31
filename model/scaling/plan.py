"""From a fit to a plan: the size and the tokens of least loss for a budget of compute."""

from __future__ import annotations

import math
from dataclasses import dataclass

from model.scaling.checks import extrapolation_warning
from model.scaling.fit import Estimate, Fit
from storage.errors import UserError


@dataclass(frozen=True, slots=True)
class Plan:
    """What to train with `flops` FLOP, each number with the interval of the fit's bootstrap.

    Attributes:
        flops: The budget, 6 N D, N counted as the fit counts it.
        params: N of least loss.
        tokens: D of least loss.
        tokens_per_param: D / N: never to be printed without its interval.
        loss: Loss there, in the unit of the fit.
        extrapolation: The budget over the compute of the largest run fitted.
        warnings: The fit's, and one more where the budget is far beyond the runs.
    """

    flops: float
    params: Estimate
    tokens: Estimate
    tokens_per_param: Estimate
    loss: Estimate
    extrapolation: float
    warnings: tuple[str, ...]


def plan(fit: Fit, flops: float) -> Plan:
    """The compute-optimal allocation of a budget. Source: Hoffmann et al. 2022, (4).

    Raises:
        UserError: The budget is no positive number, or loss depends on N or on D alone in this fit.
    """
    if not (math.isfinite(flops) and flops > 0):
        raise UserError(f"a budget of {flops:g} FLOP makes no plan.", "Give a positive number, for example 1e21.")
    if not (fit.surface.A > 0 and fit.surface.B > 0):
        missing = "size" if fit.surface.A == 0 else "tokens"
        raise UserError(f"this fit has no optimum: in it, {missing} does not change the loss.", "Fit more varied runs.")
    factor = flops / fit.max_flops
    far = extrapolation_warning(factor)
    return Plan(
        flops=flops,
        params=fit.interval(lambda surface: surface.best_params(flops)),
        tokens=fit.interval(lambda surface: surface.best_tokens(flops)),
        tokens_per_param=fit.interval(lambda surface: surface.best_tokens(flops) / surface.best_params(flops)),
        loss=fit.interval(lambda surface: surface.best_loss(flops)),
        extrapolation=factor,
        warnings=(*fit.warnings, far) if far else fit.warnings,
    )
