"""Lines of a batch, between newlines: spans, hashes and what is in each, found once and shared by the filters."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.kernels.characters import Characters
from pipeline.kernels.classes import SPACE
from pipeline.kernels.compiled import called, compiled
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


def find_lines(data: np.ndarray, characters: Characters) -> Lines:
    """Lines between newlines; carriage returns and other line ends stay in them. `data`: uint8, the UTF-8 decoded."""
    return Lines(*_find_lines(data, *characters[1:]))


@compiled
def _find_lines(data, classes, byte_starts, doc_offsets, newlines):
    count = len(newlines) + len(doc_offsets) - 1
    starts, ends = np.empty(count, np.int64), np.empty(count, np.int64)
    hashes, seen, blank = np.empty(count, np.uint64), np.empty(count, np.uint32), np.empty(count, np.bool_)
    line_offsets = np.zeros(len(doc_offsets), np.int64)
    _cut_lines(doc_offsets, newlines, starts, ends, line_offsets)
    look_at_lines(data, classes, byte_starts, starts, ends, hashes, seen, blank)
    return starts, ends, hashes, seen, blank, line_offsets


@called
def _cut_lines(doc_offsets, newlines, starts, ends, line_offsets):
    n = newline = 0
    for d in range(len(doc_offsets) - 1):
        start, last = doc_offsets[d], doc_offsets[d + 1]
        while newline < len(newlines) and newlines[newline] < last:
            starts[n], ends[n] = start, newlines[newline]
            start = newlines[newline] + 1
            newline += 1
            n += 1
        starts[n], ends[n] = start, last
        n += 1
        line_offsets[d + 1] = n


@called
def look_at_lines(data, classes, byte_starts, starts, ends, hashes, seen, blank):
    """Write what `Lines` says of the lines between those characters."""
    address = np.intp(data.ctypes.data)
    for n in range(len(starts)):
        start, end = starts[n], ends[n]
        hashes[n] = hash_slice(data, address, np.int64(byte_starts[start]), np.int64(byte_starts[end]))
        seen[n], every = _classes_of(classes[start:end])
        blank[n] = every & np.uint32(SPACE) != 0


@called
def _classes_of(classes):
    """The classes that some of the characters have, and those that all have."""
    some, every = np.uint32(0), np.uint32(0xFFFFFFFF)
    for i in range(len(classes)):
        some |= classes[i]
        every &= classes[i]
    return some, every
