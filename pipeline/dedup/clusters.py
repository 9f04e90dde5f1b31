"""Which pages may resemble each other at all: clusters of pages linked by buckets they share.

Pages are numbered by rank, the best first. A cluster is a connected component of the graph whose edges are shared
buckets; pages of two clusters share none, so each cluster is judged by itself. Nothing is removed here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.kernels.buckets import settle_roots, unite_buckets, unite_links

MEMORY_BYTES_A_KEY = 40
"""What `Forest.add_buckets` needs for each entry: key, page, order, and numpy's sort."""


class Buckets(NamedTuple):
    """What was met in one band: buckets of several pages, pages in them, pages of the largest."""

    buckets: int
    pages: int
    largest: int


class Links(NamedTuple):
    """Pages and the root of the cluster they belong to; roots themselves are left out.

    Attributes:
        page: int64[links].
        root: int64[links], less than the page.
    """

    page: np.ndarray
    root: np.ndarray


class Forest:
    """Clusters as a union-find forest: eight bytes a page, whatever the number of pairs.

    Args:
        pages: Number of pages; they are numbered from 0.
    """

    def __init__(self, pages: int) -> None:
        self._parent = np.arange(pages, dtype=np.int64)

    def add_buckets(self, keys: np.ndarray, pages: np.ndarray) -> Buckets:
        """Link the pages (int64[entries]) that have the same key (uint64[entries])."""
        order = np.argsort(keys)
        return Buckets(*map(int, unite_buckets(keys, pages, order, self._parent)))

    def add_links(self, links: Links) -> None:
        """Link pages as another forest did."""
        unite_links(links.page, links.root, self._parent)

    def links(self) -> Links:
        """Every page that is not the root of its cluster, in order, with its root: all there is to know."""
        settle_roots(self._parent)
        page = np.flatnonzero(self._parent != np.arange(len(self._parent)))
        return Links(page, self._parent[page])


class Members(NamedTuple):
    """Pages of clusters of several, ordered by cluster, then rank.

    Attributes:
        page: int64[members], rank.
        cluster: int64[members], rank of the cluster's best page.
        part: int32[members], the part that judges the cluster.
    """

    page: np.ndarray
    cluster: np.ndarray
    part: np.ndarray


def list_members(links: Links, text_bytes: np.ndarray, max_bytes: int) -> Members:
    """Clusters cut into parts of about `max_bytes` of text; a cluster is never divided.

    Args:
        links: Of the whole forest.
        text_bytes: int64[pages], size of each text.
        max_bytes: Text of a part; a cluster beyond it is a part of its own.
    """
    roots = np.unique(links.root)
    page, cluster = np.concatenate([roots, links.page]), np.concatenate([roots, links.root])
    order = np.lexsort((page, cluster))
    page, cluster = page[order], cluster[order]
    starts = np.flatnonzero(np.diff(cluster, prepend=-1))
    sizes = np.add.reduceat(text_bytes[page], starts) if len(starts) else np.zeros(0, np.int64)
    part = _cut(sizes, max_bytes)
    return Members(page, cluster, np.repeat(part, np.diff(starts, append=len(page))))


def _cut(sizes: np.ndarray, budget: int) -> np.ndarray:
    """The part of each cluster, int32: parts end where the running total passes a multiple of the budget."""
    crossed = np.cumsum(sizes) // budget
    return np.asarray(np.unique(crossed, return_inverse=True)[1], np.int32)
