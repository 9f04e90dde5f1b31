"""What a choice of bands and rows finds and misses, before any page is read.

Source: Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", 3.4.2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Expectation(NamedTuple):
    """What banding alone gets wrong on each side of the threshold, were similarities spread evenly over 0..1.

    Attributes:
        false_positive_frac: Pairs below the threshold that become candidates (verification drops them).
        false_negative_frac: Pairs at or above it that never become candidates.
    """

    false_positive_frac: float
    false_negative_frac: float


def s_curve(bands: int, rows: int, similarity: np.ndarray | float) -> np.ndarray:
    """Probability that pairs of that Jaccard similarity share a band: 1 - (1 - s^rows)^bands.

    >>> s_curve(14, 8, 0.8).round(3)
    np.float64(0.924)
    """
    return np.asarray(1.0 - (1.0 - np.asarray(similarity, np.float64) ** rows) ** bands)


def expect(bands: int, rows: int, threshold: float, steps: int = 10_000) -> Expectation:
    """How many pairs banding alone gets wrong at a threshold, as shares of the pairs on each side of it."""
    below = (np.arange(steps) + 0.5) / steps * threshold
    above = threshold + (np.arange(steps) + 0.5) / steps * (1.0 - threshold)
    return Expectation(float(s_curve(bands, rows, below).mean()), float(1.0 - s_curve(bands, rows, above).mean()))


def choose_bands(threshold: float, permutations: int, false_positive_weight: float = 0.05) -> tuple[int, int]:
    """Bands and rows, of at most so many permutations, with the least weighted error around a threshold.

    The weight of a missed pair is one minus that of a pair compared in vain. Source: `datasketch.MinHashLSH`, which
    integrates both errors.
    """
    from datasketch import MinHashLSH  # with it comes scipy, half a second of imports

    weights = (false_positive_weight, 1.0 - false_positive_weight)
    found = MinHashLSH(threshold=threshold, num_perm=permutations, weights=weights)
    return int(found.b), int(found.r)
