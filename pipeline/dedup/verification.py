"""Candidate pairs measured: their true Jaccard similarity, in parts small enough for memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.dedup.signatures import ShingleSets
from pipeline.kernels import minhash, pairs


def measure_jaccard(sets: ShingleSets, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Jaccard similarity of documents left[i] and right[i] (int64 positions in `sets`), float64[pairs], 0..1.

    Exact up to a collision of 64-bit hashes; 0 for two documents without shingles, which are no evidence.
    """
    return np.asarray(minhash.jaccard(*sets, left, right))


def join_sets(pieces: Sequence[ShingleSets]) -> ShingleSets:
    """The documents of all pieces, in order."""
    sizes = np.concatenate([np.zeros(1, np.int64), *(piece.sizes for piece in pieces)])
    return ShingleSets(np.concatenate([np.zeros(0, np.uint64), *(p.hashes for p in pieces)]), np.cumsum(sizes))


def find_positions(ranks: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where each of `wanted` stands in `ranks` (both int64, each rank once, in any order), int64[wanted]."""
    order = np.argsort(ranks)
    return np.asarray(order[np.searchsorted(ranks, wanted, sorter=order)])


class PartPlanner:
    """Cuts a stream of pairs into parts whose distinct documents' texts fit a budget.

    Pairs that share documents should come one after another: a document met in several parts is read in each.

    Args:
        text_bytes: int64[documents], size of each text in UTF-8.
        max_bytes: Budget of a part; a single pair beyond it is a part of its own.
    """

    def __init__(self, text_bytes: np.ndarray, max_bytes: int) -> None:
        self._text_bytes = text_bytes
        self._max_bytes = max_bytes
        self._last_part = np.full(len(text_bytes), -1, np.int32)
        self._part, self._used = 0, 0

    def assign(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """The part of each of the next pairs, int32[pairs], counting up from 0."""
        parts, self._part, self._used = pairs.assign_parts(
            left, right, self._text_bytes, self._max_bytes, self._last_part, self._part, self._used
        )
        return np.asarray(parts)
