"""Streams of page pairs, compiled: cutting them to parts, and choosing who stays."""

from __future__ import annotations

import numpy as np

from pipeline.kernels.compiled import compiled


@compiled
def assign_parts(
    left: np.ndarray,
    right: np.ndarray,
    text_bytes: np.ndarray,
    max_bytes: int,
    last_part: np.ndarray,
    part: int,
    used: int,
) -> tuple[np.ndarray, int, int]:
    """The part of each pair; a new one starts where further documents would exceed the budget.

    Args:
        left, right: int64[pairs].
        text_bytes: int64[documents].
        last_part: int32[documents], the part each document was last put in; updated.
        part, used: The present part and the bytes in it.

    Returns:
        int32[pairs], the present part, the bytes in it.
    """
    parts = np.empty(len(left), np.int32)
    for i in range(len(left)):
        a, b = left[i], right[i]
        needed = text_bytes[a] * (last_part[a] != part) + text_bytes[b] * (last_part[b] != part)
        if used > 0 and used + needed > max_bytes:
            part, used = part + 1, 0
            needed = text_bytes[a] + text_bytes[b]
        last_part[a], last_part[b] = part, part
        used += needed
        parts[i] = part
    return parts, part, used


@compiled
def keep_greedily(
    better: np.ndarray, worse: np.ndarray, jaccard: np.ndarray, survivor: np.ndarray, similarity: np.ndarray
) -> None:
    """Note in `survivor` (int64, -1: stays) and `similarity` (float64) who is removed, for the next edges.

    Edges come ordered by `worse`, then `better`, and better[i] < worse[i]: when one is met, the fate of its
    better page is settled.
    """
    for i in range(len(worse)):
        if survivor[better[i]] < 0 and jaccard[i] > similarity[worse[i]]:
            survivor[worse[i]] = better[i]
            similarity[worse[i]] = jaccard[i]
