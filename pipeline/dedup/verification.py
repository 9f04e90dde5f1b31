"""The true Jaccard similarity of pairs of documents, measured on their shingles."""

from __future__ import annotations

import numpy as np

from pipeline.dedup.signatures import ShingleSets
from pipeline.kernels import minhash


def measure_jaccard(sets: ShingleSets, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Jaccard similarity of documents left[i] and right[i] (int64 positions in `sets`), float64[pairs], 0..1.

    Exact up to a collision of 64-bit hashes; 0 for two documents without shingles, which are no evidence.
    """
    return np.asarray(minhash.jaccard(*sets, left, right))
