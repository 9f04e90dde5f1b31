"""Who stays, compiled: pages of a cluster, the best first, each measured against the kept ones of its buckets.

Kept pages stand in an open-addressing hash table, from bucket key to the entries of that bucket in order. A new cluster
begins a new table by a new stamp, so that nothing has to be cleared.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.kernels.compiled import compiled, inlined

CLUSTER, STAMP, KEPT, ENTRIES, FULL, SERIAL, COMPARED, MATCHED, CUT, UNCOMPARED = range(10)
"""Places in the state: present cluster, its stamp, its kept pages and entries, stamp of the last cluster that outgrew
its memory, pages judged; then what was counted: pairs measured, pairs alike, buckets cut, pages not wholly compared."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Slots(NamedTuple):
    """Buckets by key; as many slots as a power of two, at most half of them used.

    Attributes:
        key: uint64[slots].
        stamp: int64[slots], cluster that the slot was filled for; of another one it is free.
        first, last: int64[slots], entries of the bucket; -1 without one.
        size: int64[slots], kept pages of the bucket, those without an entry included.
    """

    key: np.ndarray
    stamp: np.ndarray
    first: np.ndarray
    last: np.ndarray
    size: np.ndarray


class Kept(NamedTuple):
    """Kept pages of the present cluster.

    Attributes:
        entry_page, entry_next: int64[entries], a bucket's kept page and its next entry, -1 at the end.
        rank: int64[pages].
        body: uint64[pages], key of the payload; 0 without one.
        tested: int64[pages], serial number of the page last measured against it.
        bounds: int64[pages + 1], where the shingles of each begin in `hashes`.
        hashes: uint64[shingles], sorted and unique within a page.
    """

    entry_page: np.ndarray
    entry_next: np.ndarray
    rank: np.ndarray
    body: np.ndarray
    tested: np.ndarray
    bounds: np.ndarray
    hashes: np.ndarray


@inlined
def _slot_of(slots, key, stamp):
    mask = len(slots.key) - 1
    at = np.int64((key * _GOLDEN) >> np.uint64(24)) & mask
    while slots.stamp[at] == stamp and slots.key[at] != key:
        at = (at + 1) & mask
    return at


@inlined
def _similarity(left, i, i_end, right, j, j_end):
    total, shared = (i_end - i) + (j_end - j), 0
    while i < i_end and j < j_end:
        a, b = left[i], right[j]
        shared += a == b
        i += a <= b
        j += b <= a
    return shared / (total - shared) if total else 0.0


@inlined
def _open(slots, key, stamp):
    """The bucket's slot, made where the cluster has none yet."""
    at = _slot_of(slots, key, stamp)
    if slots.stamp[at] != stamp:
        slots.key[at], slots.stamp[at] = key, stamp
        slots.first[at], slots.last[at], slots.size[at] = -1, -1, 0
    return at


@compiled
def bucket_keys(keys: np.ndarray, bounds: np.ndarray, body: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The buckets of every page as numbers that differ from band to band; a payload is one more bucket.

    Args:
        keys, bounds: uint64[keys], int64[pages + 1]: each page's band keys, one a band.
        body: uint64[pages], key of the payload; 0 without one.

    Returns:
        uint64[buckets] and int64[pages + 1], where each page's begin.
    """
    pages = len(body)
    buckets, starts = np.empty(len(keys) + pages, np.uint64), np.zeros(pages + 1, np.int64)
    size = 0
    for page in range(pages):
        for i in range(bounds[page], bounds[page + 1]):
            buckets[size] = keys[i] ^ (np.uint64(i - bounds[page] + 1) * _GOLDEN)
            size += 1
        if body[page]:
            buckets[size] = body[page]
            size += 1
        starts[page + 1] = size
    return buckets[:size], starts


@compiled
def judge_pages(cluster, rank, body, sets, set_bounds, buckets, bucket_bounds, limits, min_jaccard, slots, kept, state):
    """Judge the next pages, ordered by cluster, then rank.

    Args:
        cluster, rank: int64[pages].
        body: uint64[pages].
        sets, set_bounds: Shingles of the pages, sorted and unique; int64[pages + 1].
        buckets, bucket_bounds: As `bucket_keys` gives them.
        limits: (pages that are kept whatever they resemble: ranks below, entries a bucket).
        slots, kept: The present cluster; large enough for all pages given, but for `kept.hashes`.
        state: int64[10], see `CLUSTER`.

    Returns:
        survivor int64[pages] (rank; -1: the page stays), jaccard float64[pages], same_body bool[pages].
    """
    pages, (settled, max_bucket) = len(rank), limits
    survivor, jaccard = np.full(pages, -1, np.int64), np.zeros(pages)
    same_body = np.zeros(pages, np.bool_)
    for page in range(pages):
        if cluster[page] != state[CLUSTER]:
            state[CLUSTER] = cluster[page]
            state[STAMP] += 1
            state[KEPT], state[ENTRIES] = 0, 0
        stamp = state[STAMP]
        state[SERIAL] += 1
        start, end = set_bounds[page], set_bounds[page + 1]
        best, best_jaccard, short = -1, -1.0, state[FULL] == stamp
        if rank[page] >= settled:
            for i in range(bucket_bounds[page], bucket_bounds[page + 1]):
                at = _slot_of(slots, buckets[i], stamp)
                if slots.stamp[at] != stamp:
                    continue
                short |= slots.size[at] > max_bucket
                entry = slots.first[at]
                while entry >= 0:
                    other = kept.entry_page[entry]
                    entry = kept.entry_next[entry]
                    if kept.tested[other] == state[SERIAL]:
                        continue
                    kept.tested[other] = state[SERIAL]
                    state[COMPARED] += 1
                    measured = _similarity(sets, start, end, kept.hashes, kept.bounds[other], kept.bounds[other + 1])
                    twin = body[page] != 0 and body[page] == kept.body[other]
                    if measured >= min_jaccard or twin:
                        state[MATCHED] += 1
                        if measured > best_jaccard or (measured == best_jaccard and kept.rank[other] < survivor[page]):
                            best, best_jaccard = other, measured
                            survivor[page], jaccard[page], same_body[page] = kept.rank[other], measured, twin
        if best >= 0:
            continue
        state[UNCOMPARED] += short and rank[page] >= settled
        number, first = state[KEPT], kept.bounds[state[KEPT]] if state[KEPT] else 0
        if first + end - start > len(kept.hashes):
            state[CUT] += state[FULL] != stamp
            state[FULL] = stamp
            continue
        kept.bounds[number], kept.bounds[number + 1] = first, first + end - start
        for i in range(end - start):
            kept.hashes[first + i] = sets[start + i]
        kept.rank[number], kept.body[number], kept.tested[number] = rank[page], body[page], 0
        state[KEPT] += 1
        for i in range(bucket_bounds[page], bucket_bounds[page + 1]):
            at = _open(slots, buckets[i], stamp)
            slots.size[at] += 1
            if slots.size[at] > max_bucket:
                state[CUT] += slots.size[at] == max_bucket + 1
                continue
            entry = state[ENTRIES]
            state[ENTRIES] += 1
            kept.entry_page[entry], kept.entry_next[entry] = number, -1
            if slots.last[at] >= 0:
                kept.entry_next[slots.last[at]] = entry
            else:
                slots.first[at] = entry
            slots.last[at] = entry
    return survivor, jaccard, same_body


@compiled
def move_slots(slots: Slots, wider: Slots, stamp: int) -> None:
    """Copy the present cluster's buckets to a larger table."""
    for i in range(len(slots.key)):
        if slots.stamp[i] == stamp:
            at = _open(wider, slots.key[i], stamp)
            wider.first[at], wider.last[at], wider.size[at] = slots.first[i], slots.last[i], slots.size[i]
