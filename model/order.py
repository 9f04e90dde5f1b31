"""The order in which a training sees sequences: a new seeded permutation every epoch, addressed by one number.

A position is the number of sequences seen since the training began. With the seed it names every batch, so that is
all a checkpoint holds of the loader; and from a sequence one finds the steps that saw it. No torch here.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


class Order:
    """Sequences `0 .. count - 1` in an endless seeded order; every epoch has each of them once.

    Source: the permutation is numpy's, by a Philox generator keyed with seed and epoch, the same on every machine.
    """

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed
        self._epochs: dict[int, Rows] = {}

    def epoch(self, number: int) -> Rows:
        """The order of one epoch, int64[count]."""
        if number not in self._epochs:
            generator = np.random.Generator(np.random.Philox(key=[self.seed, number]))
            kept = {n: order for n, order in self._epochs.items() if n == number - 1}
            self._epochs = kept | {number: generator.permutation(self.count)}
        return self._epochs[number]

    def rows(self, position: int, size: int) -> Rows:
        """The `size` sequences after `position`; they may reach from one epoch into the next."""
        parts = []
        while size:
            number, place = divmod(position, self.count)
            part = self.epoch(number)[place : place + size]
            parts.append(part)
            position, size = position + len(part), size - len(part)
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def positions_of(self, rows: Iterable[int], seen: int) -> Rows:
        """Where in the first `seen` positions any of these sequences was, ascending."""
        wanted = np.fromiter(rows, np.int64)
        found = []
        for number in range(-(-seen // self.count)):
            places = np.flatnonzero(np.isin(self.epoch(number), wanted)) + number * self.count
            found.append(places[places < seen])
        return np.concatenate(found) if found else np.zeros(0, np.int64)


def share(size: int, rank: int, ranks: int) -> slice:
    """The part of a batch of `size` that one of several ranks computes; the parts are the batch, in order."""
    return slice(rank * size // ranks, (rank + 1) * size // ranks)
