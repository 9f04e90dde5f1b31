"""Who stays: from verified pairs to survivors, without chains.

Pages are numbered by rank, the best first. Taken in that order, a page stays unless it is similar enough to
one that stays already: the survivors are a maximal independent set of the graph of verified pairs. So no page
is removed through a chain of resemblances, and every removed page has its Jaccard similarity with a page that
is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from pipeline.kernels.pairs import keep_greedily


class Edges(NamedTuple):
    """Verified pairs, ordered by `worse`, then `better`.

    Attributes:
        better: int64[pairs], rank of the better page.
        worse: int64[pairs], rank of the other.
        jaccard: float64[pairs], measured, at least the threshold.
    """

    better: np.ndarray
    worse: np.ndarray
    jaccard: np.ndarray


class Removed(NamedTuple):
    """Pages removed, in order of rank.

    Attributes:
        page: int64[removed], rank.
        survivor: int64[removed], rank of the survivor most similar to it; among equals the best.
        jaccard: float64[removed], measured between the two.
    """

    page: np.ndarray
    survivor: np.ndarray
    jaccard: np.ndarray


def choose_survivors(pages: int, edges: Iterable[Edges]) -> Removed:
    """The pages that are removed, and for whom.

    Args:
        pages: Number of pages; ranks are 0 to pages - 1. Takes 16 bytes of memory a page.
        edges: Verified pairs in order, in as many pieces as it suits.
    """
    survivor = np.full(pages, -1, np.int64)
    similarity = np.zeros(pages)
    for piece in edges:
        keep_greedily(piece.better, piece.worse, piece.jaccard, survivor, similarity)
    page = np.flatnonzero(survivor >= 0)
    return Removed(page, survivor[page], similarity[page])
