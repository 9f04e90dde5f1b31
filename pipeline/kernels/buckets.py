"""Clusters of pages that share buckets, compiled: union-find over numbered pages, without a pair being written.

Source: Tarjan 1975, "Efficiency of a good but not linear set union algorithm"; path halving.
"""

from __future__ import annotations

import numpy as np

from pipeline.kernels.compiled import compiled, inlined


@inlined
def _find(parent: np.ndarray, page: int) -> int:
    while parent[page] != page:
        parent[page] = parent[parent[page]]
        page = parent[page]
    return page


@compiled
def unite_buckets(keys: np.ndarray, pages: np.ndarray, order: np.ndarray, parent: np.ndarray) -> tuple[int, int, int]:
    """Put the pages of every bucket in one cluster, whose root is its least page.

    Args:
        keys: uint64[entries], bucket of each entry.
        pages: int64[entries], the page it is of.
        order: int64[entries], entries sorted by key.
        parent: int64[pages], the forest; updated. A page is its own parent at first.

    Returns:
        Buckets of several entries, entries in them, entries of the largest.
    """
    buckets, inside, largest = 0, 0, 0
    start, entries = 0, len(order)
    while start < entries:
        end = start + 1
        while end < entries and keys[order[end]] == keys[order[start]]:
            a, b = _find(parent, pages[order[start]]), _find(parent, pages[order[end]])
            if a < b:
                parent[b] = a
            else:
                parent[a] = b
            end += 1
        if end - start > 1:
            buckets, inside, largest = buckets + 1, inside + end - start, max(largest, end - start)
        start = end
    return buckets, inside, largest


@compiled
def unite_links(pages: np.ndarray, others: np.ndarray, parent: np.ndarray) -> None:
    """Put pages[i] and others[i] (int64) in one cluster, for every i."""
    for i in range(len(pages)):
        a, b = _find(parent, pages[i]), _find(parent, others[i])
        if a < b:
            parent[b] = a
        else:
            parent[a] = b


@compiled
def settle_roots(parent: np.ndarray) -> None:
    """Make every page's parent the root of its cluster."""
    for page in range(len(parent)):
        parent[page] = parent[parent[page]]  # a parent is never greater than its page, so it is settled already
