"""From a fit to a plan: the size and the tokens of least loss for a budget, what it costs, and what it takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from model.scaling.checks import extrapolation_warning
from model.scaling.fit import Fit
from model.scaling.hardware import (
    TRAIN_BYTES_PER_PARAM,
    Accelerator,
    devices_to_serve,
    devices_to_train,
    gpu_hours,
)
from model.scaling.intervals import Estimate
from model.scaling.points import FLOPS_PER_PARAM_TOKEN
from model.scaling.repetition import predict_repeated
from model.scaling.serving import flops_for_loss, serve_optimum
from model.scaling.surface import Surface
from storage.errors import UserError

GOOD_EPOCHS = 4.0
"""Epochs up to which repeated text is nearly as good as fresh text. Source: Muennighoff et al. 2023."""


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
        warnings: The fit's, and more about this plan.
        compute: For a loss that was asked for, the least compute that reaches it; None for a budget.
        scatter: How far the fit's own runs lie off it, root mean square of the relative error: so far a run of this
            plan will lie off it, too. The intervals are the law's and hold none of that.
    """

    flops: float
    params: Estimate
    tokens: Estimate
    tokens_per_param: Estimate
    loss: Estimate
    extrapolation: float
    warnings: tuple[str, ...]
    compute: Estimate | None = None
    scatter: float = 0.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What a plan takes of a device.

    Attributes:
        hours: Device-hours of 6 N D at the utilisation.
        dollars: At the table's price.
        train_devices, serve_devices: Whose memory holds what training, and serving, keep for each parameter.
        train_bytes: Weights, gradients and optimiser.
    """

    gpu: str
    mfu: float
    hours: float
    dollars: float
    train_devices: int
    serve_devices: int
    train_bytes: float


@dataclass(frozen=True, slots=True)
class ServingPlan:
    """The cheapest model of the plan's loss when so many tokens are served; see `model.scaling.serving`."""

    served_tokens: float
    params: Estimate
    tokens: Estimate
    tokens_per_param: Estimate
    saved: Estimate


@dataclass(frozen=True, slots=True)
class CorpusPlan:
    """Whether a corpus has enough unique tokens, and what repeating costs.

    Attributes:
        unique_tokens: What there is.
        epochs: D over that, with its interval.
        loss: With those repeats, the plan's size and tokens.
        loss_cost: What repeating adds to the loss of as many fresh tokens.
        best_params, best_tokens: The allocation of least loss for the budget with no more unique tokens than these.
        best_loss: Loss of that.
    """

    unique_tokens: float
    epochs: Estimate
    loss: Estimate
    loss_cost: Estimate
    best_params: Estimate
    best_tokens: Estimate
    best_loss: Estimate


def plan(fit: Fit, flops: float) -> Plan:
    """The compute-optimal allocation of a budget. Source: Hoffmann et al. 2022, (4).

    Raises:
        UserError: The budget is no positive number, or loss depends on N or on D alone in this fit.
    """
    if not (math.isfinite(flops) and flops > 0):
        raise UserError(f"a budget of {flops:g} FLOP makes no plan.", "Give a positive number, for example 1e21.")
    _demand_optimum(fit)
    factor = flops / fit.max_flops
    far = extrapolation_warning(factor)
    return Plan(
        flops=flops,
        params=fit.interval(lambda surface: surface.best_params(flops)),
        tokens=fit.interval(lambda surface: surface.best_tokens(flops)),
        tokens_per_param=fit.interval(lambda surface: surface.best_ratio(flops)),
        loss=fit.interval(lambda surface: surface.best_loss(flops)),
        extrapolation=factor,
        warnings=(*fit.warnings, far) if far else fit.warnings,
        scatter=fit.log_rms,
    )


def plan_for_loss(fit: Fit, loss: float) -> Plan:
    """The least compute that reaches a loss, and its allocation, whose intervals are those of reaching it.

    Raises:
        UserError: The loss is at or below what the fit holds irreducible; or see `plan`.
    """
    _demand_optimum(fit)
    if not loss > fit.surface.E:
        least = fit.interval(lambda surface: surface.E)
        raise UserError(
            f"no model of this fit reaches a loss of {loss:g}: its irreducible loss is {least.value:.4g} "
            f"({least.low:.4g} to {least.high:.4g}).",
            "Ask for a higher loss, in the unit of the runs'.",
        )
    compute = fit.interval(lambda surface: flops_for_loss(surface, loss))
    factor = compute.value / fit.max_flops
    far = extrapolation_warning(factor)
    return Plan(
        flops=compute.value,
        params=fit.interval(lambda s: _at_loss(s, loss, lambda n, d: n)),
        tokens=fit.interval(lambda s: _at_loss(s, loss, lambda n, d: d)),
        tokens_per_param=fit.interval(lambda s: _at_loss(s, loss, lambda n, d: d / n)),
        loss=Estimate(loss, loss, loss),
        extrapolation=factor,
        warnings=(*fit.warnings, far) if far else fit.warnings,
        compute=compute,
        scatter=fit.log_rms,
    )


def cost_of(found: Plan, gpu: Accelerator, mfu: float) -> Cost:
    """Hours, money and memory of a plan on a device."""
    hours = gpu_hours(gpu, found.flops, mfu)
    devices = devices_to_train(gpu, found.params.value), devices_to_serve(gpu, found.params.value)
    return Cost(
        gpu.name, mfu, hours, hours * gpu.dollars_per_hour, *devices, found.params.value * TRAIN_BYTES_PER_PARAM
    )


def serving_plan(fit: Fit, flops: float, served_tokens: float) -> ServingPlan:
    """The cheapest way to the loss of a budget's optimum for a lifetime of tokens served."""
    served = {
        surface: serve_optimum(surface, float(surface.best_loss(flops)), served_tokens) for surface in fit.surfaces
    }
    return ServingPlan(
        served_tokens=served_tokens,
        params=fit.interval(lambda s: served[s].params),
        tokens=fit.interval(lambda s: served[s].tokens),
        tokens_per_param=fit.interval(lambda s: served[s].tokens / served[s].params),
        saved=fit.interval(lambda s: served[s].saved),
    )


def corpus_plan(fit: Fit, found: Plan, unique_tokens: float) -> CorpusPlan:
    """What a corpus of so many unique tokens makes of a plan."""
    flops, (n, d) = found.flops, (found.params.value, found.tokens.value)
    best = {surface: best_repeated(surface, flops, unique_tokens) for surface in fit.surfaces}
    return CorpusPlan(
        unique_tokens=unique_tokens,
        epochs=Estimate(*(value / unique_tokens for value in (d, found.tokens.low, found.tokens.high))),
        loss=fit.interval(lambda s: float(predict_repeated(s, n, d, unique_tokens))),
        loss_cost=fit.interval(lambda s: float(predict_repeated(s, n, d, unique_tokens) - s.predict(n, d))),
        best_params=fit.interval(lambda s: best[s][0]),
        best_tokens=fit.interval(lambda s: best[s][1]),
        best_loss=fit.interval(lambda s: best[s][2]),
    )


def best_repeated(surface: Surface, flops: float, unique_tokens: float) -> tuple[float, float, float]:
    """N, D and loss of the best allocation of a budget where only so many tokens are distinct."""
    optimum = float(surface.best_params(flops))
    if not 0 < optimum < math.inf:
        return float("nan"), float("nan"), float("nan")
    params = optimum * np.geomspace(1e-2, 1e2, 801)
    tokens = flops / FLOPS_PER_PARAM_TOKEN / params
    losses = predict_repeated(surface, params, tokens, unique_tokens)
    least = int(np.argmin(losses))
    return float(params[least]), float(tokens[least]), float(losses[least])


def _at_loss(surface: Surface, loss: float, read: Callable[[float, float], float]) -> float:
    flops = flops_for_loss(surface, loss)
    if not math.isfinite(flops):
        return math.inf
    return read(float(surface.best_params(flops)), float(surface.best_tokens(flops)))


def _demand_optimum(fit: Fit) -> None:
    if not (fit.surface.A > 0 and fit.surface.B > 0):
        missing = "size" if fit.surface.A == 0 else "tokens"
        raise UserError(f"this fit has no optimum: in it, {missing} does not change the loss.", "Fit more varied runs.")
