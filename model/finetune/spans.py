"""The best valid answer of a context that may have been read in several parts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from model.finetune.config import Item, Reference

Floats = npt.NDArray[np.float64]


def best_span(start_T: Floats, end_T: Floats, low: int, high: int, most: int) -> tuple[float, int, int]:
    """Score, first and last token of the likeliest answer.

    Args:
        start_T, end_T: Logits of every position.
        low, high: Where the context begins, and ends: an answer lies within.
        most: Tokens of the longest answer.

    Returns:
        The span with the greatest sum of logits among those that end where they begin or later; the first of equals.
    """
    starts, ends = start_T[low:high], end_T[low:high]
    sums = starts[:, None] + ends[None, :]
    distance = np.arange(high - low)[None, :] - np.arange(high - low)[:, None]
    sums[(distance < 0) | (distance >= most)] = -np.inf
    place = int(sums.argmax())
    first, last = divmod(place, high - low)
    return float(sums.flat[place]), first + low, last + low


def answers(items: list[Item], logits: list[Floats], references: tuple[Reference, ...], most: int) -> dict[int, str]:
    """The answer of each example: of all its parts the likeliest span, cut from the context by characters.

    Args:
        items: Parts, of any number of examples.
        logits: Of starts and ends, float[T, 2], an item each.
        references: Contexts, by example.
        most: Tokens of the longest answer.
    """
    best: dict[int, tuple[float, str]] = {}
    for item, scores in zip(items, logits, strict=True):
        low, high = item.places
        if high <= low:
            continue
        score, first, last = best_span(scores[:, 0], scores[:, 1], low, high, most)
        if item.example not in best or score > best[item.example][0]:
            start, end = item.offsets[first - low][0], item.offsets[last - low][1]
            best[item.example] = score, references[item.example].context[start:end].strip()
    return {example: best[example][1] if example in best else "" for example in {item.example for item in items}}
