"""Chunks of a batch: runs of characters without white space, found once for all that looks at words.

Nearly every chunk is a word, or a word and a mark. Where chunks end is what a processor cannot foresee: 64 characters
are asked at a time which of them are white space, and what counts words then walks chunks and not characters.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.kernels.boundaries import simple_shape
from pipeline.kernels.characters import BLOCK, classes_between, lowest
from pipeline.kernels.classes import (
    ALNUM,
    ALPHA,
    FIRST_SPACE,
    LACKS_PUNCTUATION,
    LACKS_SYMBOL,
    NO_CHARACTER,
    PREFIX,
    TERMINAL,
    WIDE,
)
from pipeline.kernels.compiled import called, inlined
from pipeline.kernels.machine import having64, ones, trailing_zeros, within64

_ONE, _LAST = np.uint64(1), np.uint64(63)
OFTEN = 16  # chunks that begin among 64 characters
SHAPE = 3
ANYWHERE = ALPHA | LACKS_SYMBOL | TERMINAL | LACKS_PUNCTUATION


class Chunks(NamedTuple):
    """The chunks of a batch. Document d has chunks `doc_offsets[d]:doc_offsets[d + 1]`.

    Attributes:
        starts: int32[chunks], character in the batch where the chunk begins.
        ends: int32[chunks], character after its last.
        kinds: uint8[chunks], in the bits SHAPE how many words it is where that is plain (`simple_shape`); of the
            classes ANYWHERE those that some character has; PREFIX where one but the last has it, ALNUM where the first
            has. The memory goes on for BLOCK bytes.
        doc_offsets: int64[documents + 1], chunks.
    """

    starts: np.ndarray
    ends: np.ndarray
    kinds: np.ndarray
    doc_offsets: np.ndarray


@called
def scan_chunks(codes, classes, low, high, starts, ends, kinds, n):
    """Write the chunks of the characters `low..high`, a document, after the first `n`; how many there are then. Up to
    OFTEN are written beyond the last."""
    after = find_edges(codes, low, high, starts, ends, n)
    for k in range(n, after):
        kinds[k], _ = kind_of(codes, classes, np.int64(starts[k]), np.int64(ends[k]))
    return after


@inlined
def kind_of(codes, classes, start, end):
    """What `Chunks.kinds` says of the characters `start..end`, and whether one of them is WIDE."""
    some = classes_between(codes, classes, start, end - 1)
    every = some | classes[codes[end - 1]]
    shape = simple_shape(codes, classes, start, end, some)
    kind = np.uint8(shape | every & ANYWHERE | some & PREFIX | classes[codes[start]] & ALNUM)
    return kind, every & WIDE != 0


@called
def count_having(kinds, first, after, bits):
    """How many of the chunks `first..after` have some of those bits."""
    address, count = np.intp(kinds.ctypes.data), np.int64(0)
    for block in range(first, after, BLOCK):
        count += np.int64(ones(having64(address + block, np.uint8(bits)) & lowest(after - block)))
    return count


@called
def find_edges(codes, low, high, starts, ends, n):
    """Write where chunks begin and end, 64 characters at a time; how many there are then. Up to OFTEN are written
    beyond the last."""
    address = np.intp(codes.ctypes.data)
    begun, ended, inside = np.int64(n), np.int64(n), np.uint64(0)  # whether a chunk goes on from the block before
    for block in range(low, high, BLOCK):
        filled = ~spaces64(address + block) & lowest(high - block)
        edges = filled ^ (filled << _ONE | inside)
        begins, finishes = edges & filled, edges & ~filled
        _write_places(starts, begun, block, begins)
        _write_places(ends, ended, block, finishes)
        begun += np.int64(ones(begins))
        ended += np.int64(ones(finishes))
        inside = filled >> _LAST
    if ended < begun:
        ends[ended] = high
    return begun


@inlined
def _write_places(places, n, block, flags):
    """Write where flags are set from `n` on. OFTEN places are written, whatever there are: how many no processor can
    foresee, and few blocks have more."""
    for k in range(OFTEN):
        places[n + k] = block + np.int64(trailing_zeros(flags))
        flags &= flags - _ONE
    n += OFTEN
    while flags:
        places[n] = block + np.int64(trailing_zeros(flags))
        flags &= flags - _ONE
        n += 1


@inlined
def spaces64(address):
    """Which of the 64 codes from an address on are white space."""
    controls = within64(address, np.uint8(0x09), np.uint8(5))  # tab to carriage return
    blanks = within64(address, np.uint8(0x1C), np.uint8(5))  # ASCII's separators and the space after them
    return controls | blanks | within64(address, np.uint8(FIRST_SPACE), np.uint8(NO_CHARACTER - FIRST_SPACE))
