"""Orders in which no document stands beside itself."""

from __future__ import annotations

import numpy as np


def separate(items: np.ndarray) -> np.ndarray:
    """The order nearest at hand in which no two equal items stand together, where there is any such order.

    Args:
        items: int64[n].

    Returns:
        int64[n], a permutation of positions: `items[separate(items)]` has no equal neighbours, unless one
        item is more than half of all.
    """
    order = np.arange(len(items))
    placed = items.copy()
    for position in np.flatnonzero(placed[1:] == placed[:-1]) + 1:
        if placed[position] == placed[position - 1] and not _swap(placed, order, int(position)):
            return _interleave(items)
    return order


def _swap(placed: np.ndarray, order: np.ndarray, position: int) -> bool:
    """Exchange an item with the nearest later one, else the nearest earlier one, that parts both
    neighbourhoods.
    """
    for other in (*range(position + 1, len(placed)), *range(position - 2, -1, -1)):
        for values in (placed, order):
            values[position], values[other] = values[other], values[position]
        if not (_meets_equal(placed, position) or _meets_equal(placed, other)):
            return True
        for values in (placed, order):
            values[position], values[other] = values[other], values[position]
    return False


def _meets_equal(placed: np.ndarray, position: int) -> bool:
    before = position > 0 and placed[position - 1] == placed[position]
    after = position + 1 < len(placed) and placed[position + 1] == placed[position]
    return bool(before or after)


def _interleave(items: np.ndarray) -> np.ndarray:
    """Equal items at every other position, the most frequent first: parts them whenever that can be done."""
    _, inverse, counts = np.unique(items, return_inverse=True, return_counts=True)
    by_frequency = np.lexsort((np.arange(len(items)), inverse, -counts[inverse]))
    order = np.empty(len(items), dtype=np.int64)
    places = np.concatenate([np.arange(0, len(items), 2), np.arange(1, len(items), 2)])
    order[places] = by_frequency
    return order
