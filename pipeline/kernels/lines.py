"""Lines of a batch, between newlines: spans, hashes and what is in each, found once and shared by the filters."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.kernels.characters import BLOCK, beyond_ascii64, byte_at, lowest
from pipeline.kernels.chunks import spaces64
from pipeline.kernels.classes import CAPITAL, LACKS_SPACE, LINE_END, NUMERAL, SPACE, UNSPACED
from pipeline.kernels.compiled import called, inlined
from pipeline.kernels.hashing import hash_padded, hash_slice
from pipeline.kernels.machine import trailing_zeros, within64

NEWLINE = 0x0A
ASKED = CAPITAL | NUMERAL | LINE_END | UNSPACED | LACKS_SPACE
"""What is asked of lines: with none of these no character of one need be looked at."""
_ONE = np.uint64(1)


class Lines(NamedTuple):
    """The lines of a batch, as `text.split("\\n")` gives them: an empty text has one empty line.

    Attributes:
        starts: int64[lines], character in the batch where the line begins.
        ends: int64[lines], character after its last; the newline is left out.
        hashes: uint64[lines], of its UTF-8.
        seen: uint32[lines], which of the classes ASKED some character has.
        doc_offsets: int64[documents + 1], lines.
    """

    starts: np.ndarray
    ends: np.ndarray
    hashes: np.ndarray
    seen: np.ndarray
    doc_offsets: np.ndarray

    @property
    def blank(self) -> np.ndarray:
        """bool[lines]: nothing but white space."""
        return self.seen & np.uint32(LACKS_SPACE) == 0


@called
def cut_lines(first, last, newlines, starts, ends, n):
    """Write the lines of the characters `first..last` after the first `n`; how many there are then. `newlines`: int64,
    those of the document."""
    for newline in newlines:
        starts[n], ends[n] = first, newline
        first = newline + 1
        n += 1
    starts[n], ends[n] = first, last
    return n + 1


@called
def look_at_lines(data, codes, classes, byte_index, starts, ends, hashes, seen):
    """Write what `Lines` says of the lines between those characters."""
    address = np.intp(data.ctypes.data)
    for n in range(len(starts)):
        start, end = starts[n], ends[n]
        some, wide = _classes_of(codes, classes, start, end)
        seen[n] = some
        if wide:
            hashes[n] = hash_slice(data, address, byte_at(codes, byte_index, start), byte_at(codes, byte_index, end))
        else:  # its codes are its UTF-8
            hashes[n] = hash_padded(np.intp(codes.ctypes.data), start, end)


@inlined
def is_blank(seen):
    """Whether a line of those classes is nothing but white space."""
    return seen & np.uint32(LACKS_SPACE) == 0


@inlined
def strip(codes, classes, low, high):
    """The stretch without the white space at its ends."""
    while low < high and classes[codes[low]] & SPACE:
        low += 1
    while high > low and classes[codes[high - 1]] & SPACE:
        high -= 1
    return low, high


@called
def _classes_of(codes, classes, start, end):
    """Of the classes ASKED those that some of the characters have, and whether there is one beyond ASCII, whose are
    looked at a block at a time."""
    address, some, wide = np.intp(codes.ctypes.data), np.uint32(0), np.uint64(0)
    for block in range(start, end, BLOCK):
        at, live = address + block, lowest(end - block)
        capitals, digits = within64(at, np.uint8(0x41), np.uint8(26)), within64(at, np.uint8(0x30), np.uint8(10))
        line_ends = within64(at, np.uint8(0x0A), np.uint8(4)) | within64(at, np.uint8(0x1C), np.uint8(3))
        some |= CAPITAL if capitals & live else 0
        some |= NUMERAL if digits & live else 0
        some |= LINE_END if line_ends & live else 0
        some |= LACKS_SPACE if ~spaces64(at) & live else 0
        beyond = beyond_ascii64(at) & live
        wide |= beyond
        while beyond:
            some |= classes[codes[block + np.int64(trailing_zeros(beyond))]] & ASKED
            beyond &= beyond - _ONE
    return np.uint32(some), wide != 0
