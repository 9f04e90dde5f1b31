"""Two corpora on the same ladder: the difference in loss at each scale, with its interval, and beyond.

    compare(pairs, far=10).verdict      # "b is better", "a is better" or "not distinguishable"

A pair is two runs of one rung with one seed: initial weights, and the seed of the order, are the same, so part of the
luck cancels. What is left is measured by the differences between seeds, pooled over the rungs. Losses are on the
same held-out documents, in bits a byte, so corpora and tokenizers may differ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field
from scipy.special import stdtrit

from model.config import Device
from model.parts import ObjectiveConfig
from model.scaling.fit import LEVEL
from model.scaling.intervals import Estimate
from storage.errors import UserError
from storage.schema import Section


class MeasureSpec(Section):
    """All a measuring process is told. Paths are absolute."""

    weights: tuple[str, ...] = Field(description="model.safetensors of trainings, tokenizer.json beside each")
    texts: str = Field(description="JSON lines with `text`: the documents to measure on")
    sequence_length: int = Field(ge=1, description="tokens a model sees at once")
    end_of_document: str = Field(description="token after every document")
    objective: ObjectiveConfig = Field(description="of the trainings: whether documents saw each other in them")
    threads: int = Field(1, ge=0, description="CPU threads; 0: all")
    device: Device = "auto"


@dataclass(frozen=True, slots=True)
class Pair:
    """One rung and seed on both corpora.

    Attributes:
        rung: Its name without the seed.
        loss_a, loss_b: Bits a byte on the same documents.
    """

    rung: str
    params: float
    tokens: float
    flops: float
    seed: int
    loss_a: float
    loss_b: float

    @property
    def delta(self) -> float:
        """loss_b - loss_a: below zero where b is better."""
        return self.loss_b - self.loss_a


@dataclass(frozen=True, slots=True)
class Difference:
    """Loss of b less that of a at one rung.

    Attributes:
        seeds: Pairs it is a mean of.
        delta: With the interval that seeds give it.
        words: "b is better", "a is better" or "not distinguishable".
    """

    rung: str
    params: float
    tokens: float
    flops: float
    seeds: int
    loss_a: float
    loss_b: float
    delta: Estimate
    words: str


@dataclass(frozen=True)
class Comparison:
    """All rungs, and what they say together.

    Attributes:
        rungs: By growing compute.
        noise: Standard deviation of a pair's difference between seeds, pooled; nan without repeated rungs.
        mean: Difference over all rungs.
        slope: Change of the difference with a tenfold compute.
        far_flops: Compute extrapolated to.
        far: Difference there.
        verdict: Of `mean` and `far`, in a sentence.
    """

    rungs: tuple[Difference, ...]
    noise: float
    mean: Estimate
    slope: Estimate
    far_flops: float
    far: Estimate
    verdict: str


def compare(pairs: Sequence[Pair], far: float = 10.0, names: tuple[str, str] = ("a", "b")) -> Comparison:
    """Differences by rung, their mean, and a straight line over log compute to `far` times the largest.

    Args:
        pairs: Every rung and seed that was trained on both corpora.
        far: Multiple of the largest compute to extrapolate to.
        names: Of the corpora, for words.

    Raises:
        UserError: No rung was repeated with another seed, or there are fewer than two rungs: there is no
            telling a difference from chance.
    """
    by_rung: dict[str, list[Pair]] = {}
    for pair in sorted(pairs, key=lambda pair: (pair.flops, pair.rung, pair.seed)):
        by_rung.setdefault(pair.rung, []).append(pair)
    noise, free = _noise([[pair.delta for pair in group] for group in by_rung.values()])
    if len(by_rung) < 2 or free < 1:
        lack = "fewer than two rungs" if len(by_rung) < 2 else "no rung with a second seed"
        raise UserError(f"{lack}: a difference cannot be told from chance.", "Set scaling.seeds=[0, 1].")
    rungs = tuple(_difference(name, group, noise, free, names) for name, group in by_rung.items())
    log_flops = np.array([math.log10(pair.flops) for pair in pairs])
    delta = np.array([pair.delta for pair in pairs])
    far_flops = far * max(pair.flops for pair in pairs)
    mean, slope, at_far = _line(log_flops, delta, math.log10(far_flops))
    sentence = (
        f"over these rungs {_words(mean, names)} ({_range(mean)} bits a byte); at {far:g} times the largest compute, "
        f"extrapolated, {_words(at_far, names)} ({_range(at_far)})"
    )
    return Comparison(rungs, noise, mean, slope, far_flops, at_far, sentence)


def _noise(groups: Sequence[Sequence[float]]) -> tuple[float, int]:
    """Pooled standard deviation within groups, and its degrees of freedom."""
    free = sum(len(group) - 1 for group in groups)
    squares = sum(float(np.var(group)) * len(group) for group in groups)
    return (math.sqrt(squares / free) if free else math.nan), free


def _difference(name: str, group: Sequence[Pair], noise: float, free: int, names: tuple[str, str]) -> Difference:
    first, count = group[0], len(group)
    value = sum(pair.delta for pair in group) / count
    half = noise / math.sqrt(count) * float(stdtrit(free, (1 + LEVEL) / 2))
    delta = Estimate(value, value - half, value + half)
    loss_a, loss_b = (sum(getattr(pair, key) for pair in group) / count for key in ("loss_a", "loss_b"))
    size = (first.params, first.tokens, first.flops)
    return Difference(name, *size, count, loss_a, loss_b, delta, _words(delta, names))


def _line(x: np.ndarray, y: np.ndarray, far: float) -> tuple[Estimate, Estimate, Estimate]:
    """Mean of y, its slope over x, and its value at `far`, by least squares with Student's intervals.

    The scatter about the line, and not only between seeds, makes the intervals: it has what the line misses in it.
    """
    middle, free = float(x.mean()), len(x) - 2
    spread = float(((x - middle) ** 2).sum())
    slope = float(((x - middle) * y).sum()) / spread if spread > 0 else 0.0
    level = float(y.mean())
    off = y - level - slope * (x - middle)
    sigma = math.sqrt(float((off**2).sum()) / free) if free > 0 else math.inf
    reach = float(stdtrit(free, (1 + LEVEL) / 2)) * sigma if free > 0 else math.inf

    def estimate(value: float, scale: float) -> Estimate:
        return Estimate(value, value - reach * scale, value + reach * scale)

    per_slope = 1 / math.sqrt(spread) if spread > 0 else math.inf
    at_far = math.sqrt(1 / len(x) + (far - middle) ** 2 / spread) if spread > 0 else math.inf
    return (
        estimate(level, 1 / math.sqrt(len(x))),
        estimate(slope, per_slope),
        estimate(level + slope * (far - middle), at_far),
    )


def _words(delta: Estimate, names: tuple[str, str]) -> str:
    if delta.low <= 0 <= delta.high:
        return "not distinguishable"
    return f"{names[1] if delta.value < 0 else names[0]} is better"


def _range(delta: Estimate) -> str:
    return f"{delta.value:+.4f}, {delta.low:+.4f} to {delta.high:+.4f}"
