"""A ladder designed for a machine and a time: budgets whose valleys are bracketed, and what it will tell.

The budgets are as large as the time allows and a fixed factor apart. Each is run with sizes a factor of two apart,
so far to either side of where the optimum is expected that at least two lie on each side even if it is elsewhere by
that factor; wide grids also pin the exponents down better than many runs near the optimum, at the same cost. Before
anything is spent, the whole analysis is done on losses of the expected surface with seed noise, many times: how
much its answers scatter is how wide the intervals will be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.config import ModelConfig
from model.memory import count_parameters
from model.scaling.fit import LEVEL, fit_surface
from model.scaling.intervals import Estimate, percentile
from model.scaling.isoflop import fit_isoflop
from model.scaling.ladder import LadderConfig, Rung, Shape, rungs
from model.scaling.points import FLOPS_PER_PARAM_TOKEN, Floats, make_points
from model.scaling.rate_check import swept
from model.scaling.speed import SLACK, Speed, fresh_fracs, training_bytes
from model.scaling.surface import Surface
from storage.errors import UserError

PRIOR = Surface(E=1.35, A=87.0, B=319.0, alpha=0.44, beta=0.44)
"""Bits a byte of a ladder of 23 runs from 12k to 3.2M parameters on seven domains of text with 512 token ids, with one
exponent for both terms: 19 tokens a parameter. Where the optimum is looked for without a fit to go by."""

NOISE = 0.015
"""Standard deviation of log loss between seeds, as that ladder and a smaller one measured it."""

EACH_SIDE = 3
"""Sizes to either side of the expected optimum, a factor of two apart."""

LEAST_EACH_SIDE = 2
BUDGET_STEP = 3.0
WIDTHS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
RATE_FACTORS = (0.25, 0.5, 2.0)
NOISE_SEEDS = (1, 2)
SIMULATIONS = 24


@dataclass(frozen=True, slots=True)
class Design:
    """A ladder, its cost and what it promises.

    Attributes:
        config: To be run.
        ladder: Its runs.
        seconds: Predicted wall time, learning-rate sweep and slack included.
        flops: 6 N D of all runs, what they share once.
        max_bytes: Memory of the runs that are largest, as many as go side by side.
        widths: Simulated 90 % intervals: "params_exponent", "tokens_per_param" and "loss" at ten times the largest
            budget, and "parabola_exponent" of approach 2.
        each_side: Fewest sizes below and above the expected optimum over the budgets.
    """

    config: LadderConfig
    ladder: tuple[Rung, ...]
    seconds: float
    flops: float
    max_bytes: float
    widths: dict[str, Estimate]
    each_side: tuple[int, int]


def shape_of(width: int) -> Shape:
    """A model of a width: deeper as it gets wider, heads of 32 or the whole width."""
    heads = max(1, width // 32)
    return Shape(d_model=width, n_layers=max(1, round(width**0.7 / 5.5)), n_heads=heads, n_kv_heads=heads)


def design(
    seconds: float,
    speed: Speed,
    vocab_size: int,
    sequence_length: int,
    workers: int = 1,
    budgets: int = 4,
    prior: Surface = PRIOR,
    base: LadderConfig | None = None,
    simulations: int = SIMULATIONS,
) -> Design:
    """The largest ladder that fits a time.

    Args:
        seconds: Wall time there is.
        speed: Of one run, with `workers` of them side by side.
        vocab_size: Token ids. With large ones embeddings outweigh everything else in small models.
        sequence_length: Of the packed tokens.
        workers: Runs side by side.
        budgets: How many, a factor of three apart.
        prior: Where the optimum is expected.
        base: Rules for rate, batch and warm-up.
        simulations: Times the analysis is rehearsed.

    Raises:
        UserError: There is no time for one, or the vocabulary leaves no room for sizes below the optimum.
    """
    best = _largest(seconds, speed, vocab_size, sequence_length, workers, budgets, prior, base or LadderConfig())
    if best is None:
        raise UserError(
            f"in {seconds / 60:.3g} min there is no ladder of {budgets} budgets with {vocab_size:,} token ids: the "
            "smallest models have too many embeddings for what can be trained.",
            "Give more --minutes, a smaller --vocab (512 is the least), or fewer --budgets.",
        )
    ladder = tuple(rungs(best, vocab_size))
    fresh = fresh_fracs(ladder)
    return Design(
        config=best,
        ladder=ladder,
        seconds=predict_seconds(best, vocab_size, speed, sequence_length, workers),
        flops=sum(fresh[rung.name] * rung.flops for rung in ladder),
        max_bytes=_memory(ladder, sequence_length, workers),
        widths=simulate(ladder, prior, simulations),
        each_side=bracketed(ladder, prior),
    )


def _largest(
    seconds: float,
    speed: Speed,
    vocab_size: int,
    sequence_length: int,
    workers: int,
    budgets: int,
    prior: Surface,
    base: LadderConfig,
) -> LadderConfig | None:
    """The ladder of the largest budgets that fits, from all the time for one run downwards."""
    largest = seconds * speed.flops_per_second
    for _ in range(120):
        config = _config(largest, budgets, vocab_size, prior, base)
        if config and predict_seconds(config, vocab_size, speed, sequence_length, workers) <= seconds:
            return config
        largest *= 0.92
    return None


def predict_seconds(config: LadderConfig, vocab_size: int, speed: Speed, sequence_length: int, workers: int) -> float:
    """Wall time of a ladder and its rate sweep: all work shared by the workers, or its longest run if that is more."""
    ladder = rungs(config, vocab_size)
    fresh = fresh_fracs(ladder)
    times = [fresh[rung.name] * speed.seconds(rung, sequence_length) for rung in ladder]
    sweep = [speed.seconds(rung, sequence_length) for rung in swept(config, ladder)]
    total = sum(times) + (len(config.rate_factors) + 1) * sum(sweep)
    return SLACK * max(total / workers, max(times))


def bracketed(ladder: Sequence[Rung], prior: Surface) -> tuple[int, int]:
    """Fewest distinct sizes below and above the expected optimum, over the budgets."""
    below, above = [], []
    for budget in sorted({round(math.log(rung.flops), 1) for rung in ladder}):
        sizes = {rung.params for rung in ladder if abs(math.log(rung.flops) - budget) < 0.11}
        optimum = float(prior.best_params(math.exp(budget)))
        below.append(sum(size < optimum for size in sizes))
        above.append(sum(size > optimum for size in sizes))
    return min(below), min(above)


def simulate(ladder: Sequence[Rung], prior: Surface, times: int, noise: float = NOISE) -> dict[str, Estimate]:
    """What the analysis would say of the ladder's runs if the prior were true, and how much that would scatter."""
    params = np.array([rung.params for rung in ladder], np.float64)
    tokens = np.array([rung.tokens for rung in ladder], np.float64)
    far = 10 * float((FLOPS_PER_PARAM_TOKEN * params * tokens).max())
    random = np.random.default_rng(0)
    found: dict[str, list[float]] = {}
    for _ in range(times):
        loss = prior.predict(params, tokens) * np.exp(noise * random.standard_normal(len(params)))
        for name, value in _answers(params, tokens, loss, far).items():
            found.setdefault(name, []).append(value)
    truth = _truth(prior, far)
    return {name: Estimate(truth[name], *percentile(values, LEVEL)) for name, values in found.items()}


def _answers(params: Floats, tokens: Floats, loss: Floats, far: float) -> dict[str, float]:
    points = make_points(params, tokens, loss)
    answers = _truth(fit_surface(points), far)
    del answers["parabola_exponent"]
    valleys = fit_isoflop(points)
    return answers | ({"parabola_exponent": valleys.exponent.value} if valleys else {})


def _truth(surface: Surface, far: float) -> dict[str, float]:
    return {
        "params_exponent": surface.params_exponent,
        "tokens_per_param": float(surface.best_ratio(far)),
        "loss": float(surface.best_loss(far)),
        "parabola_exponent": surface.params_exponent,
    }


def _config(largest: float, budgets: int, vocab_size: int, prior: Surface, base: LadderConfig) -> LadderConfig | None:
    """Budgets up to the largest with every size around each one's optimum; None where the sizes do not bracket."""
    compute = [largest / BUDGET_STEP**step for step in reversed(range(budgets))]
    sizes = {width: _params(width, vocab_size) for width in WIDTHS}
    optima = [float(prior.best_params(flops)) for flops in compute]
    reach = 2.0**EACH_SIDE * 1.2
    chosen = _spaced({w: n for w, n in sizes.items() if optima[0] / reach <= n <= optima[-1] * reach})
    near = [[n for n in chosen.values() if best / reach <= n <= best * reach] for best in optima]
    for best, around in zip(optima, near, strict=True):
        if min(sum(n < best for n in around), sum(n > best for n in around)) < LEAST_EACH_SIDE:
            return None
    ratios = [f / (FLOPS_PER_PARAM_TOKEN * n * n) for f, around in zip(compute, near, strict=True) for n in around]
    return base.model_copy(
        update={
            "sizes": tuple(shape_of(width) for width in chosen),
            "train_tokens": (),
            "tokens_per_param": (),
            "budgets": tuple(float(f"{flops:.4g}") for flops in compute),
            "min_tokens_per_param": float(f"{min(ratios) * 0.999:.3g}"),
            "max_tokens_per_param": float(f"{max(ratios) * 1.001:.3g}"),
            "max_flops": float(f"{largest * 1.05:.4g}"),
            "noise_seeds": NOISE_SEEDS,
            "rate_factors": RATE_FACTORS,
        }
    )


def _spaced(sizes: dict[int, int]) -> dict[int, int]:
    """Widths whose sizes are at least a factor of 1.6 apart, from the smallest up."""
    chosen: dict[int, int] = {}
    for width, params in sizes.items():
        if not chosen or params >= 1.6 * max(chosen.values()):
            chosen[width] = params
    return chosen


def _params(width: int, vocab_size: int) -> int:
    shape = shape_of(width).model_dump()
    return count_parameters(
        ModelConfig.model_validate({**shape, "vocab_size": vocab_size, "tied_embeddings": True})
    ).total


def _memory(ladder: Sequence[Rung], sequence_length: int, workers: int) -> float:
    needs = sorted(training_bytes(rung.model, rung.batch_tokens, sequence_length) for rung in ladder)
    return float(sum(needs[-workers:]))
