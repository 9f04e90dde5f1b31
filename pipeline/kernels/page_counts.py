"""What is counted once a page before its blocks are measured: what each element holds, and which are alike."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np

from pipeline.kernels.compiled import compiled
from pipeline.kernels.html_columns import BYTES, END, LINK_BYTES, NODE, PARENT, SHAPE, START

LONG_BYTES = 80
"""Of a block that is rather prose than a label."""

_TABLE_SLOTS = 4096


@compiled
def sum_elements(counts, elements):
    """int64[elements, 4] of each element and all inside it: bytes, in links, blocks, bytes of long blocks."""
    sums = np.zeros((len(elements), 4), np.int64)
    for b in range(len(counts)):
        of = sums[counts[b, NODE]]
        size, linked = counts[b, BYTES], counts[b, LINK_BYTES]
        of[0] += size
        of[1] += linked
        of[2] += 1
        of[3] += size if size >= LONG_BYTES and linked * 3 < size else 0
    for e in range(len(elements) - 1, 0, -1):
        sums[elements[e, PARENT]] += sums[e]
    return sums


@compiled
def count_twins(elements):
    """int64[elements]: elements of the same parent, name and class."""
    slots = np.full(len(elements), -1, np.int64)
    size = _TABLE_SLOTS
    while size < 2 * len(elements):
        size *= 2
    keys, found = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for e in range(1, len(elements)):
        key = elements[e, SHAPE] * 1_000_003 + elements[e, PARENT] + 1
        slot = (key ^ key >> 29) & (size - 1)
        while found[slot] and keys[slot] != key:
            slot = (slot + 1) & (size - 1)
        keys[slot] = key
        found[slot] += 1
        slots[e] = slot
    twins = np.zeros(len(elements), np.int64)
    for e in range(1, len(elements)):
        twins[e] = found[slots[e]]
    return twins


@compiled
def count_duplicates(text, counts):
    """int64[blocks]: blocks of the same text."""
    size = _TABLE_SLOTS
    while size < 2 * len(counts):
        size *= 2
    keys, found = np.zeros(size, np.uint64), np.zeros(size, np.int64)
    slots = np.zeros(len(counts), np.int64)
    for b in range(len(counts)):
        key = np.uint64(0xCBF29CE484222325)
        for at in range(counts[b, START], counts[b, END]):
            key = (key ^ np.uint64(text[at])) * np.uint64(0x100000001B3)
        slot = np.int64((key ^ key >> np.uint64(31)) & np.uint64(size - 1))
        while found[slot] and keys[slot] != key:
            slot = (slot + 1) & (size - 1)
        keys[slot] = key
        found[slot] += 1
        slots[b] = slot
    same = np.zeros(len(counts), np.int64)
    for b in range(len(counts)):
        same[b] = found[slots[b]]
    return same
