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
    """int64[elements]: elements of the same parent, name and class; of the page itself 0."""
    keys = np.empty(len(elements) - 1, np.uint64)
    for e in range(1, len(elements)):
        keys[e - 1] = elements[e, SHAPE] * 1_000_003 + elements[e, PARENT] + 1
    twins = np.zeros(len(elements), np.int64)
    twins[1:] = _count_alike(keys)
    return twins


@compiled
def count_duplicates(text, counts):
    """int64[blocks]: blocks of the same text."""
    keys = np.empty(len(counts), np.uint64)
    for b in range(len(counts)):
        key = np.uint64(0xCBF29CE484222325)  # FNV-1a
        for at in range(counts[b, START], counts[b, END]):
            key = (key ^ np.uint64(text[at])) * np.uint64(0x100000001B3)
        keys[b] = key
    return _count_alike(keys)


@compiled
def _count_alike(keys):
    """int64[keys]: how many are the same as each."""
    size = _TABLE_SLOTS
    while size < 2 * len(keys):
        size *= 2
    table, found = np.zeros(size, np.uint64), np.zeros(size, np.int64)
    slots = np.empty(len(keys), np.int64)
    for i in range(len(keys)):
        key = keys[i]
        slot = np.int64((key ^ key >> np.uint64(31)) & np.uint64(size - 1))
        while found[slot] and table[slot] != key:
            slot = (slot + 1) & (size - 1)
        table[slot] = key
        found[slot] += 1
        slots[i] = slot
    for i in range(len(keys)):
        slots[i] = found[slots[i]]
    return slots
