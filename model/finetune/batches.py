"""Items as padded batches, and their order: sequences of like lengths together, which batches come when drawn anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from model.finetune.config import Item
from model.finetune.heads import Shown

_POOLED = 16
"""Batches whose sequences are put in order of length: more waste less padding and mix less."""


def show(items: Sequence[Item], pad_id: int, device: torch.device) -> Shown:
    """Sequences side by side, padded on the right."""
    width = max(len(item.ids) for item in items)
    tokens = np.full((len(items), width), pad_id, np.int64)
    segments, visible = np.zeros((len(items), width), np.int64), np.zeros((len(items), width), bool)
    for row, item in enumerate(items):
        tokens[row, : len(item.ids)] = item.ids
        segments[row, item.second_at : len(item.ids)] = 1
        visible[row, : len(item.ids)] = True
    there = [torch.from_numpy(part).to(device) for part in (tokens, segments, visible)]
    return Shown(there[0], there[1], there[2], pad_id)


def training_batches(lengths: Sequence[int], size: int, steps: int, seed: int) -> Iterator[list[int]]:
    """Numbers of the items of each step: all of them once, in a new order each time round, for so many steps."""
    generator = np.random.default_rng(seed)
    queue: list[list[int]] = []
    for _ in range(steps):
        if not queue:
            queue = _one_round(np.asarray(lengths), size, generator)
        yield queue.pop()


def _one_round(lengths: np.ndarray, size: int, generator: np.random.Generator) -> list[list[int]]:
    order = generator.permutation(len(lengths))
    batches = []
    for start in range(0, len(order), size * _POOLED):
        pool = order[start : start + size * _POOLED]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [pool[at : at + size].tolist() for at in range(0, len(pool), size)]
    return [batches[place] for place in generator.permutation(len(batches))]


def measuring_batches(lengths: Sequence[int], tokens: int = 8_192) -> Iterator[list[int]]:
    """Numbers of all items, the longest together and first, about so many tokens at once."""
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    while order:
        taken = max(1, tokens // lengths[order[0]])
        yield order[:taken]
        order = order[taken:]
