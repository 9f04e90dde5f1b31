"""Lines of a batch, between newlines: spans, hashes and what is in each, found once and shared by the filters."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.kernels.classes import LACKS_SPACE
from pipeline.kernels.compiled import called
from pipeline.kernels.hashing import hash_slice

NEWLINE = 0x0A


class Lines(NamedTuple):
    """The lines of a batch, as `text.split("\\n")` gives them: an empty text has one empty line.

    Attributes:
        starts: int64[lines], character in the batch where the line begins.
        ends: int64[lines], character after its last; the newline is left out.
        hashes: uint64[lines], of its UTF-8.
        seen: uint32[lines], classes of all its characters.
        blank: bool[lines], nothing but white space.
        doc_offsets: int64[documents + 1], lines.
    """

    starts: np.ndarray
    ends: np.ndarray
    hashes: np.ndarray
    seen: np.ndarray
    blank: np.ndarray
    doc_offsets: np.ndarray


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
def look_at_lines(data, codes, classes, byte_starts, starts, ends, hashes, seen, blank):
    """Write what `Lines` says of the lines between those characters."""
    address = np.intp(data.ctypes.data)
    for n in range(len(starts)):
        start, end = starts[n], ends[n]
        hashes[n] = hash_slice(data, address, np.int64(byte_starts[start]), np.int64(byte_starts[end]))
        seen[n] = _classes_of(codes[start:end], classes)
        blank[n] = seen[n] & np.uint32(LACKS_SPACE) == 0


@called
def _classes_of(codes, classes):
    """The classes that some of the characters have."""
    some = np.uint32(0)
    for i in range(len(codes)):
        some |= classes[codes[i]]
    return some
