"""Text to sorted n-gram counts: a run at a time, to be kept anywhere and merged a range of words at a time.

    vocabulary = Vocabulary()
    run = count_run(vocabulary.add(spell(data, offsets, table, letters=True)), order=5, ids=len(vocabulary))

A run holds the distinct n-grams of some text; many runs, cut at the same words, are merged range by range, so that
what is counted may be larger than memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.kernels.ngrams import FIRST_ID, intern, ngram_rows, sort_rows, sum_equal
from pipeline.kernels.spellings import BEGIN, END, UNKNOWN, Spelled

_SPECIAL = ("<unk>", "<s>", "</s>")
_SPECIAL_HASHES = np.array([UNKNOWN, BEGIN, END], np.uint64)


class Run(NamedTuple):
    """Distinct n-grams, sorted by their last word, then the one before, and so on.

    Attributes:
        rows: uint32[n-grams, order], ids, the last word first.
        counts: int64[n-grams].
    """

    rows: np.ndarray
    counts: np.ndarray

    def between(self, low: int, high: int) -> Run:
        """The n-grams whose last word's id is in [low, high)."""
        first, last = np.searchsorted(self.rows[:, 0], [low, high])
        return Run(self.rows[first:last], self.counts[first:last])


class Vocabulary:
    """Words numbered in the order they first come: 0 `<unk>`, 1 `<s>`, 2 `</s>`, then the text's; it only grows."""

    def __init__(self) -> None:
        self.words: list[str] = list(_SPECIAL)
        self._hashes = [_SPECIAL_HASHES]
        self._keys, self._ids = np.zeros(1 << 12, np.uint64), np.zeros(1 << 12, np.uint32)
        intern(_SPECIAL_HASHES, self._keys, self._ids, 0)

    def __len__(self) -> int:
        return len(self.words)

    @property
    def hashes(self) -> np.ndarray:
        """uint64[words], by id."""
        return np.concatenate(self._hashes)

    def add(self, spelled: Spelled) -> np.ndarray:
        """uint32[words]: the ids of words spelt with their letters, without `<s>` and `<unk>` written in the text."""
        self._make_room(len(spelled.hashes))
        found: tuple[np.ndarray, np.ndarray] = intern(spelled.hashes, self._keys, self._ids, len(self.words))
        ids, fresh = found
        for position in fresh:
            letters = spelled.points[spelled.starts[position] : spelled.starts[position + 1]]
            self.words.append("".join(map(chr, letters)))
        self._hashes.append(spelled.hashes[fresh])
        return ids[ids >= FIRST_ID - 1]

    def _make_room(self, more: int) -> None:
        needed = 2 * (len(self.words) + more)
        if needed <= len(self._keys):
            return
        size = 1 << (2 * needed - 1).bit_length()
        self._keys, self._ids = np.zeros(size, np.uint64), np.zeros(size, np.uint32)
        intern(self.hashes, self._keys, self._ids, 0)


def count_run(words: np.ndarray, order: int, ids: int) -> Run:
    """The n-grams of sentences of ids, each closed by `</s>`, `<s>` standing before their first word; ids < `ids`."""
    rows = ngram_rows(words, order)
    return Run(*sum_equal(rows, sort_rows(rows, ids), np.ones(len(rows), np.int64)))


def merge_runs(runs: Sequence[Run], ids: int) -> Run:
    """One run with the counts of all."""
    filled = [run for run in runs if len(run.counts)]
    if len(filled) == 1:
        return Run(*(np.require(column, requirements=["C", "W"]) for column in filled[0]))  # kernels compile once
    if not filled:
        return runs[0]
    rows = np.concatenate([run.rows for run in filled])
    counts = np.concatenate([run.counts for run in filled])
    return Run(*sum_equal(rows, sort_rows(rows, ids), counts))


def cut_ranges(runs: Sequence[Run], ids: int, most: int) -> list[tuple[int, int]]:
    """Ranges of last words that hold at most `most` n-grams of all runs together (a single word may hold more)."""
    sizes = np.zeros(ids, np.int64)
    for run in runs:
        sizes += np.bincount(run.rows[:, 0], minlength=ids)
    ranges, low, total = [], 0, 0
    for word, size in enumerate(sizes.tolist()):
        if total and total + size > most:
            ranges.append((low, word))
            low, total = word, 0
        total += size
    return [*ranges, (low, ids)]
