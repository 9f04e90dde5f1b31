"""Ensembles of regression trees, evaluated."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.kernels.compiled import compiled


class Trees(NamedTuple):
    """An ensemble for a yes-or-no question; all trees in one list of splits.

    Attributes:
        roots: int32[trees], each tree's first split.
        features: int16[splits], the column a split looks at.
        limits: float32[splits]; values up to it go left.
        left: int32[splits], the next split, or ~leaf.
        right: int32[splits], likewise.
        leaves: float32[leaves], log odds, summed over the trees.
    """

    roots: np.ndarray
    features: np.ndarray
    limits: np.ndarray
    left: np.ndarray
    right: np.ndarray
    leaves: np.ndarray


def score_rows(rows: np.ndarray, trees: Trees) -> np.ndarray:
    """float32[rows], probabilities 0..1 of rows (float32[rows, features])."""
    return _score(rows, *trees)


@compiled
def _score(rows, roots, features, limits, left, right, leaves):
    scores = np.empty(len(rows), np.float32)
    for r in range(len(rows)):
        row, odds = rows[r], 0.0
        for root in roots:
            split = np.int64(root)
            while split >= 0:
                split = np.int64(left[split] if row[features[split]] <= limits[split] else right[split])
            odds += leaves[~split]
        scores[r] = 1.0 / (1.0 + np.exp(-odds))
    return scores
