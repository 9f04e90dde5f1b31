"""The best valid answer of a context that may have been read in several parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from model.finetune.config import Item, Reference

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """The likeliest answer to one question.

    Attributes:
        score: Sum of its two logits.
        mass: Logarithm of the sum of e to the score, over all valid spans of all parts.
        start, end: Characters of the context.
    """

    score: float
    mass: float
    start: int
    end: int

    @property
    def probability(self) -> float:
        """Of this span among all valid ones, 0..1."""
        return math.exp(self.score - self.mass)


def span_scores(start_T: Floats, end_T: Floats, low: int, high: int, most: int) -> Floats:
    """Sum of the logits of every span of the context, float[from, to]; minus infinity where it is no answer.

    Args:
        start_T, end_T: Logits of every position.
        low, high: Where the context begins, and ends: an answer lies within.
        most: Tokens of the longest answer.
    """
    starts, ends = start_T[low:high], end_T[low:high]
    sums: Floats = starts[:, None] + ends[None, :]
    distance = np.arange(high - low)[None, :] - np.arange(high - low)[:, None]
    sums[(distance < 0) | (distance >= most)] = -np.inf
    return sums


def best_span(sums: Floats) -> tuple[float, int, int]:
    """Score, first and last token, counted from the context's first, of the likeliest answer: the first of equals."""
    first, last = divmod(int(sums.argmax()), sums.shape[1])
    return float(sums[first, last]), first, last


def likeliest(items: Sequence[Item], logits: Sequence[Floats], most: int) -> dict[int, Found | None]:
    """Of all parts of each example the likeliest span; None where no part has a place for one.

    Args:
        items: Parts, of any number of examples.
        logits: Of starts and ends, float[T, 2], an item each.
        most: Tokens of the longest answer.
    """
    best: dict[int, Found | None] = {item.example: None for item in items}
    for item, scores in zip(items, logits, strict=True):
        low, high = item.places
        if high <= low:
            continue
        sums = span_scores(scores[:, 0], scores[:, 1], low, high, most)
        score, first, last = best_span(sums)
        before = best[item.example]
        mass = score + math.log(float(np.exp(sums - score).sum()))
        if before is not None:
            mass = float(np.logaddexp(mass, before.mass))
        if before is None or score > before.score:
            best[item.example] = Found(score, mass, item.offsets[first][0], item.offsets[last][1])
        else:
            best[item.example] = replace(before, mass=mass)
    return best


def answers(items: list[Item], logits: list[Floats], references: tuple[Reference, ...], most: int) -> dict[int, str]:
    """The answer of each example, cut from its context; see `likeliest`."""
    found = likeliest(items, logits, most)
    return {
        example: references[example].context[one.start : one.end].strip() if one else ""
        for example, one in found.items()
    }
