"""A ladder: small models, each trained on several token counts, from whose losses a scaling law is fitted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pydantic import Field, model_validator

from model.config import ModelConfig, TrainConfig
from model.memory import count_parameters
from model.scaling.branches import branch_point, stem_settings
from model.scaling.points import FLOPS_PER_PARAM_TOKEN
from storage.errors import UserError
from storage.schema import Section


class Shape(Section):
    """Width and depth of one size of the ladder."""

    d_model: int = Field(ge=2, description="width of the residual stream")
    n_layers: int = Field(ge=1, description="blocks")
    n_heads: int = Field(ge=1, description="query heads")
    n_kv_heads: int = Field(ge=1, description="key and value heads")


class LadderConfig(Section):
    """Which runs a ladder has, and the rules that set each one's rate, batch and warm-up.

    Every pair of a size and a token count is one run with a schedule of its own, matched to its tokens (with
    `branches`, a decay of its own): the loss half-way down a longer cosine is not the loss of the shorter training
    (Hoffmann et al. 2022, appendix B). A wide grid pins the exponents down better than many runs near the optimum.

    The peak rate and the batch follow Step Law (Li et al. 2025, arXiv:2503.04715): 1.79 N^-0.713 D^0.307 and
    0.58 D^0.571 tokens, with N all parameters. Its authors fitted it to models of 60M parameters and up.
    """

    enabled: bool = Field(True, description="whether the demo and the whole mission run a ladder")
    sizes: tuple[Shape, ...] = Field(
        (
            Shape(d_model=8, n_layers=1, n_heads=1, n_kv_heads=1),
            Shape(d_model=16, n_layers=1, n_heads=1, n_kv_heads=1),
            Shape(d_model=32, n_layers=2, n_heads=2, n_kv_heads=1),
            Shape(d_model=64, n_layers=3, n_heads=4, n_kv_heads=2),
        ),
        min_length=1,
        description="from 34k to 410k parameters with 4,096 token ids: a core trains each in seconds",
    )
    train_tokens: tuple[int, ...] = Field((100_000, 220_000, 480_000), description="token counts, each with every size")
    tokens_per_param: tuple[float, ...] = Field(
        (),
        description="further token counts, as multiples of each size's parameters; Chinchilla: 20",
    )
    budgets: tuple[float, ...] = Field(
        (),
        description="isoFLOP: compute 6 N D each, with every size that it trains on an allowed number of tokens",
    )
    min_tokens_per_param: float = Field(1.0, gt=0, description="fewest tokens a parameter of a budget's runs")
    max_tokens_per_param: float = Field(1_000.0, gt=0, description="most of them")
    seeds: tuple[int, ...] = Field((0,), min_length=1, description="every run once a seed")
    noise_seeds: tuple[int, ...] = Field(
        (), description="further seeds of one run, in the middle by cost and size: how much losses differ by chance"
    )
    rate_factors: tuple[float, ...] = Field(
        (),
        description="multiples of the rule's rate tried first at the smallest and the largest size; where the best is "
        "off by more than the square root of two the rule is corrected for the ladder; for example 0.5, 2",
    )
    branches: bool = Field(
        False,
        description="a size's runs share warm-up and stable phase and branch off to decay: a fraction of the cost, at "
        "one rate and batch a size (Hägele et al. 2024); false: a cosine of its own for every run",
    )
    max_flops: float = Field(1e12, gt=0, description="runs of more than 6 N D = this are left out")
    tied_embeddings: bool = Field(
        True, description="one table for input and output: in small models two would outweigh the blocks"
    )
    learning_rate_scale: float = Field(
        1.79, gt=0, description="peak rate = scale * N^params_exponent * D^tokens_exponent; Li et al. 2025"
    )
    learning_rate_params_exponent: float = Field(-0.713, description="see learning_rate_scale")
    learning_rate_tokens_exponent: float = Field(0.307, description="see learning_rate_scale")
    batch_scale: float = Field(0.58, gt=0, description="tokens a step = scale * D^exponent; Li et al. 2025")
    batch_exponent: float = Field(0.571, description="see batch_scale")
    warmup_tokens_per_param: float = Field(
        1.0, ge=0, description="warm-up in tokens a parameter; Porian et al. 2024 (arXiv:2406.19146): one"
    )
    max_warmup_frac: float = Field(0.2, ge=0, le=1, description="the warm-up's share of a training, at most")
    eval_sequences: int = Field(128, ge=1, description="held-out sequences every run is measured on, the same for all")
    threads: int = Field(
        1,
        ge=1,
        description="CPU threads of a run: small models gain little from a second, and runs go side by side",
    )
    draws: int = Field(200, ge=0, description="bootstrap samples of the fit")

    @model_validator(mode="after")
    def _has_tokens(self) -> LadderConfig:
        if not (self.train_tokens or self.tokens_per_param or self.budgets):
            raise ValueError("give train_tokens, tokens_per_param or budgets")
        if any(value <= 0 for value in (*self.train_tokens, *self.tokens_per_param, *self.budgets, *self.rate_factors)):
            raise ValueError("token counts, budgets and rate factors must be positive")
        return self


@dataclass(frozen=True, slots=True)
class Rung:
    """One run of a ladder.

    Attributes:
        name: Unique in the ladder, for example "d64-l3-600k-s0".
        params: Parameters, all of them.
        tokens: D.
        batch_tokens: Tokens a step, by the rule.
        learning_rate: Peak, by the rule.
        flops: 6 N D.
    """

    name: str
    model: ModelConfig
    train: TrainConfig
    params: int
    tokens: int
    batch_tokens: int
    learning_rate: float
    flops: float

    def steps(self, sequence_length: int) -> int:
        """Optimiser steps, a batch being whole sequences."""
        batch = max(1, self.batch_tokens // sequence_length) * sequence_length
        return max(1, round(self.tokens / batch))


def rungs(
    config: LadderConfig,
    vocab_size: int,
    base_model: ModelConfig | None = None,
    base_train: TrainConfig | None = None,
) -> list[Rung]:
    """The runs of a ladder, cheapest first.

    Args:
        config: The ladder.
        vocab_size: Of the tokens it is trained on.
        base_model: What the sizes do not say (norms, rotary base, feed-forward width).
        base_train: What the rules do not set (optimiser, clipping).

    Raises:
        UserError: `max_flops` leaves out every run.
    """
    base, train = base_model or ModelConfig(), base_train or TrainConfig()
    found = [
        rung for shape in config.sizes for rung in _of_shape(config, _model(config, shape, vocab_size, base), train)
    ]
    affordable = [rung for rung in found if rung.flops <= config.max_flops]
    if not affordable:
        raise UserError(
            "the ladder has no run within its budget.",
            "Raise scaling.max_flops or lower scaling.train_tokens.",
        )
    ladder = sorted(affordable, key=lambda rung: (rung.flops, rung.name))
    return sorted([*ladder, *_repeats(config, ladder)], key=lambda rung: (rung.flops, rung.name))


def _repeats(config: LadderConfig, ladder: list[Rung]) -> Iterator[Rung]:
    """The middle one, by size, of the rungs that cost about as much as the middle one by cost, with further seeds."""
    cost = ladder[len(ladder) // 2].flops
    near = sorted((rung for rung in ladder if 0.9 < rung.flops / cost < 1.1), key=lambda rung: rung.params)
    middle = near[len(near) // 2]
    for seed in config.noise_seeds:
        if seed not in config.seeds:
            yield _with_seed(middle, seed)


def with_rate(rung: Rung, factor: float) -> Rung:
    """The same run at a multiple of its rate."""
    rate = float(f"{factor * rung.learning_rate:.3g}")
    train = rung.train.model_copy(update={"learning_rate": rate})
    return replace(rung, name=f"{rung.name}-rate{factor:g}", train=train, learning_rate=rate)


def _with_seed(rung: Rung, seed: int) -> Rung:
    stem = rung.name.rpartition("-s")[0]
    return replace(rung, name=f"{stem}-s{seed}", train=rung.train.model_copy(update={"seed": seed}))


def learning_rate(config: LadderConfig, params: int, tokens: int) -> float:
    """Peak rate, to two digits: the optimum is wider than the rounding."""
    exponents = config.learning_rate_params_exponent, config.learning_rate_tokens_exponent
    rate = config.learning_rate_scale * math.pow(params, exponents[0]) * math.pow(tokens, exponents[1])
    return float(f"{rate:.2g}")


def batch_tokens(config: LadderConfig, tokens: int) -> int:
    """Tokens a step; a training rounds them to whole sequences."""
    return max(1, round(config.batch_scale * math.pow(tokens, config.batch_exponent)))


def _model(config: LadderConfig, shape: Shape, vocab_size: int, base: ModelConfig) -> ModelConfig:
    """Validated anew, so that heads that do not divide the width are told at once."""
    given = {**shape.model_dump(), "vocab_size": vocab_size, "tied_embeddings": config.tied_embeddings}
    return ModelConfig.model_validate({**base.model_dump(), "ffn_dim": None, **given})


def _of_shape(config: LadderConfig, model: ModelConfig, base: TrainConfig) -> Iterator[Rung]:
    params = count_parameters(model).total
    counts = {*config.train_tokens, *(round(multiple * params) for multiple in config.tokens_per_param)}
    of_budgets = (round(budget / (FLOPS_PER_PARAM_TOKEN * params)) for budget in config.budgets)
    least, most = config.min_tokens_per_param * params, config.max_tokens_per_param * params
    counts |= {tokens for tokens in of_budgets if least <= tokens <= most}
    affordable = sorted(tokens for tokens in counts if FLOPS_PER_PARAM_TOKEN * params * tokens <= config.max_flops)
    for tokens in affordable:
        for seed in config.seeds:
            seeded = base.model_copy(update={"seed": seed})
            yield make_rung(config, model, seeded, tokens, affordable if config.branches else ())


def make_rung(
    config: LadderConfig, model: ModelConfig, base: TrainConfig, tokens: int, branches: Sequence[int] = ()
) -> Rung:
    """A run of a model on so many tokens, by the ladder's rules; the seed is the base's.

    `branches` are the token counts of the runs that it shares a stem with, its own among them; none: it is alone.
    """
    params = count_parameters(model).total
    typical = branch_point(branches) if branches else tokens
    batch, rate = batch_tokens(config, typical), learning_rate(config, params, typical)
    warmup = min(config.max_warmup_frac * min(branches, default=tokens), config.warmup_tokens_per_param * params)
    shared = stem_settings(base, model, batch, warmup, branches) if branches else {"batch_tokens": batch}
    settings = {
        "train_tokens": tokens,
        "eval_sequences": config.eval_sequences,
        "learning_rate": rate,
        "warmup_frac": shared.pop("warmup_tokens", warmup) / tokens,
    }
    train = base.model_copy(update=settings | shared)
    name = f"d{model.d_model}-l{model.n_layers}-{_short(tokens)}-s{base.seed}"
    return Rung(
        name, model, train, params, tokens, shared["batch_tokens"], rate, FLOPS_PER_PARAM_TOKEN * params * tokens
    )


def _short(tokens: int) -> str:
    for unit, size in (("b", 10**9), ("m", 10**6), ("k", 10**3)):
        if tokens >= size:
            return f"{tokens / size:.4g}{unit}"
    return str(tokens)
