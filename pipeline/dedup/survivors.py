"""Who stays: every page is measured against the better pages kept, and removed only for one it resembles.

Pages of a cluster come by rank, the best first. A page stays unless its measured Jaccard similarity with a page that
stays reaches the threshold (or the two are the same bytes): the survivors are the lexicographically first maximal
independent set of the graph of similar pairs. So no page is removed through a chain of resemblances, and none on a
shared band alone. Compared are pages that share a bucket; of a bucket only the best `max_bucket` kept pages count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pipeline.dedup.signatures import ShingleSets
from pipeline.kernels import survivors as kernel


class Pages(NamedTuple):
    """Pages to be judged, ordered by cluster, then rank.

    Attributes:
        cluster, rank: int64[pages].
        body: uint64[pages], key of the payload; 0 where there is none.
        sets: Their shingles.
        keys, key_bounds: uint64[keys], int64[pages + 1]: their band keys.
    """

    cluster: np.ndarray
    rank: np.ndarray
    body: np.ndarray
    sets: ShingleSets
    keys: np.ndarray
    key_bounds: np.ndarray


class Removed(NamedTuple):
    """Pages removed, in the order given.

    Attributes:
        page, survivor: int64[removed], ranks; the survivor most similar, among equals the best.
        jaccard: float64[removed], measured between the two.
        same_body: bool[removed], the two are the same bytes; only these may have less than the threshold.
    """

    page: np.ndarray
    survivor: np.ndarray
    jaccard: np.ndarray
    same_body: np.ndarray


@dataclass(frozen=True)
class Counts:
    """What a search did.

    Attributes:
        compared_pairs: Pairs measured.
        matching_pairs: Of these, pairs of the threshold or more, or of the same bytes.
        cut_buckets: Buckets of more kept pages than are compared with; clusters too large for the memory.
        uncompared_pages: Pages that stayed without being compared with all kept pages of their buckets.
    """

    compared_pairs: int
    matching_pairs: int
    cut_buckets: int
    uncompared_pages: int


class SurvivorSearch:
    """Judges pages batch by batch; holds the kept pages of one cluster at a time.

    Args:
        min_jaccard: Threshold.
        settled: Pages of a rank below this stay whatever they resemble.
        max_bucket: Kept pages of a bucket that later ones are compared with.
        max_bytes: Memory for the shingles of one cluster's kept pages; beyond it they are not compared with.
    """

    def __init__(self, min_jaccard: float, settled: int, max_bucket: int, max_bytes: int) -> None:
        self._min_jaccard, self._limits, self._max_hashes = min_jaccard, (settled, max_bucket), max_bytes // 8
        self._state = np.zeros(10, np.int64)
        self._state[kernel.CLUSTER] = -1
        self._slots, self._kept = _slots(1), _kept(1, 1, 1)

    def judge(self, pages: Pages) -> Removed:
        """Those of the next pages that are removed."""
        buckets, bounds = kernel.bucket_keys(pages.keys, pages.key_bounds, pages.body)
        self._make_room(len(pages.rank), len(buckets), len(pages.sets.hashes))
        survivor, jaccard, same_body = kernel.judge_pages(
            *(pages.cluster, pages.rank, pages.body, *pages.sets, buckets, bounds),
            *(self._limits, self._min_jaccard, self._slots, self._kept, self._state),
        )
        gone = np.flatnonzero(survivor >= 0)
        return Removed(pages.rank[gone], survivor[gone], jaccard[gone], same_body[gone])

    def counts(self) -> Counts:
        """What was done so far."""
        places = (kernel.COMPARED, kernel.MATCHED, kernel.CUT, kernel.UNCOMPARED)
        return Counts(*(int(self._state[place]) for place in places))

    def _make_room(self, pages: int, entries: int, hashes: int) -> None:
        """Widen what the present cluster lies in, so that the next pages fit whatever is kept of them."""
        used_pages, used_entries = int(self._state[kernel.KEPT]), int(self._state[kernel.ENTRIES])
        used_hashes = int(self._kept.bounds[used_pages]) if used_pages else 0
        wanted = (used_pages + pages, used_entries + entries, min(used_hashes + hashes, self._max_hashes))
        have = (len(self._kept.rank), len(self._kept.entry_page), len(self._kept.hashes))
        if any(need > has for need, has in zip(wanted, have, strict=True)):
            sizes = [max(need, min(2 * has, need * 2)) for need, has in zip(wanted, have, strict=True)]
            sizes[2] = min(sizes[2], self._max_hashes)
            wider = _kept(*sizes)
            for old, new in zip(self._kept, wider, strict=True):
                new[: len(old)] = old[: len(new)]
            self._kept = wider
        # a bucket that is full still takes a slot, so slots are counted by buckets and not by entries
        if 2 * (wanted[1] + self._slots_used()) > len(self._slots.key):
            wider_slots = _slots(4 * (wanted[1] + self._slots_used()))
            kernel.move_slots(self._slots, wider_slots, self._state[kernel.STAMP])
            self._slots = wider_slots

    def _slots_used(self) -> int:
        return int(np.count_nonzero(self._slots.stamp == self._state[kernel.STAMP])) if self._state[kernel.STAMP] else 0


def _slots(least: int) -> kernel.Slots:
    size = 1 << max(int(least - 1).bit_length(), 4)
    return kernel.Slots(np.zeros(size, np.uint64), *(np.zeros(size, np.int64) for _ in range(4)))


def _kept(pages: int, entries: int, hashes: int) -> kernel.Kept:
    numbers = [np.zeros(size, np.int64) for size in (entries, entries, pages, pages, pages, pages + 1)]
    entry_page, entry_next, rank, body, tested, bounds = numbers
    return kernel.Kept(
        entry_page, entry_next, rank, body.astype(np.uint64), tested, bounds, np.zeros(hashes, np.uint64)
    )
