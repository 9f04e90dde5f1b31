"""Chunks of a batch: runs of characters without white space, found once for all that looks at words.

Nearly every chunk is a word, or a word and a mark. Where chunks end is what a processor cannot foresee: 64 characters
are asked at a time which of them are white space, and what counts words then walks chunks and not characters.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.kernels.classes import PUNCTUATION, SPACE, SYMBOL
from pipeline.kernels.compiled import called, inlined
from pipeline.kernels.machine import and8, or8, trailing_zeros, which64

_LACKS = 20
"""How far left of a class its complement is kept: a bit that no class has, and none may take."""
LACKS_SYMBOL, LACKS_PUNCTUATION = SYMBOL << _LACKS, PUNCTUATION << _LACKS
"""In `Chunks.seen`: some character is no symbol, is no punctuation."""
_COMPLEMENTED = np.uint32(SYMBOL | PUNCTUATION)
_ALL, _LANES = np.uint32(0xFFFFFFFF), 8
_ONE, _LAST = np.uint64(1), np.uint64(63)
_CLASSES = np.uint32(~(LACKS_SYMBOL | LACKS_PUNCTUATION) & 0xFFFFFFFF)


class Chunks(NamedTuple):
    """The chunks of a batch. Document d has chunks `doc_offsets[d]:doc_offsets[d + 1]`.

    Attributes:
        starts: int32[chunks], character in the batch where the chunk begins.
        ends: int32[chunks], character after its last.
        seen: uint32[chunks], classes of all its characters but the last, and LACKS_SYMBOL and LACKS_PUNCTUATION.
        doc_offsets: int64[documents + 1], chunks.
    """

    starts: np.ndarray
    ends: np.ndarray
    seen: np.ndarray
    doc_offsets: np.ndarray


@inlined
def with_lacks(cls):
    """The classes of a character and what it lacks."""
    return cls | ((~cls & _COMPLEMENTED) << np.uint32(_LACKS))


@inlined
def without_lacks(seen):
    """Classes alone, as `pipeline.kernels.boundaries` wants them."""
    return seen & _CLASSES


@called
def scan_chunks(classes, low, high, starts, ends, seen, n):
    """Write the chunks of the characters `low..high`, a document, after the first `n`; how many there are then."""
    after = _find_edges(classes, low, high, starts, ends, n)
    address = np.intp(classes.ctypes.data)
    for k in range(n, after):
        first, last = np.int64(starts[k]), np.int64(ends[k]) - 1
        some, every = np.uint32(0), _ALL
        while first < last and first + _LANES <= len(classes):
            count = np.int32(last - first)
            some |= or8(address + 4 * first, count)
            every &= and8(address + 4 * first, count)
            first += _LANES
        for i in range(first, last):  # where eight would be beyond the array
            some |= classes[i]
            every &= classes[i]
        seen[k] = some | ((~every & _COMPLEMENTED) << np.uint32(_LACKS))
    return after


@called
def _find_edges(classes, low, high, starts, ends, n):
    """Write where chunks begin and end, 64 characters at a time; how many there are then."""
    address = np.intp(classes.ctypes.data)
    begun, ended, inside = np.int64(n), np.int64(n), np.uint64(0)  # whether a chunk goes on from the block before
    for block in range(low, high, 64):
        filled = _filled(classes, address, block, high)
        edges = filled ^ (filled << _ONE | inside)
        begins, finishes = edges & filled, edges & ~filled
        while begins:
            starts[begun] = block + np.int64(trailing_zeros(begins))
            begins &= begins - _ONE
            begun += 1
        while finishes:
            ends[ended] = block + np.int64(trailing_zeros(finishes))
            finishes &= finishes - _ONE
            ended += 1
        inside = filled >> _LAST
    if ended < begun:
        ends[ended] = high
    return begun


@inlined
def _filled(classes, address, block, high):
    """Which of the next 64 characters, before `high`, are no white space."""
    if block + 64 <= high:
        return ~which64(address + 4 * block, np.uint32(SPACE))
    filled = np.uint64(0)
    for i in range(high - block):
        filled |= np.uint64(~classes[block + i] & np.uint32(SPACE)) << np.uint64(i)
    return filled
