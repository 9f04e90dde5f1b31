"""Lines of a batch, between newlines: spans and hashes, found once and shared by the filters."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.kernels.characters import Characters
from pipeline.kernels.classes import SPACE
from pipeline.kernels.compiled import compiled
from pipeline.kernels.hashing import SEED, add_point, finish

NEWLINE = 0x0A


class Lines(NamedTuple):
    """The lines of a batch, as `text.split("\\n")` gives them: an empty text has one empty line.

    Attributes:
        starts: int64[lines], character in the batch where the line begins.
        ends: int64[lines], character after its last; the newline is left out.
        hashes: uint64[lines], of its code points.
        blank: bool[lines], nothing but white space.
        doc_offsets: int64[documents + 1], lines.
    """

    starts: np.ndarray
    ends: np.ndarray
    hashes: np.ndarray
    blank: np.ndarray
    doc_offsets: np.ndarray


def find_lines(characters: Characters) -> Lines:
    """Lines between newlines; carriage returns and other line ends stay in them."""
    documents = len(characters.doc_offsets) - 1
    count = int(np.count_nonzero(characters.points == NEWLINE)) + documents
    return Lines(*_find_lines(characters.points, characters.classes, characters.doc_offsets, count))


@compiled
def _find_lines(points, classes, doc_offsets, count):
    starts, ends = np.empty(count, np.int64), np.empty(count, np.int64)
    hashes, blank = np.empty(count, np.uint64), np.empty(count, np.bool_)
    line_offsets = np.zeros(len(doc_offsets), np.int64)
    n = 0
    for d in range(len(doc_offsets) - 1):
        i, end = doc_offsets[d], doc_offsets[d + 1]
        while True:
            start, state, every = i, SEED, np.uint32(SPACE)
            while i < end and points[i] != NEWLINE:
                state = add_point(state, points[i])
                every &= classes[i]
                i += 1
            starts[n], ends[n], hashes[n], blank[n] = start, i, finish(state), every != 0
            n += 1
            if i == end:
                break
            i += 1
        line_offsets[d + 1] = n
    return starts, ends, hashes, blank, line_offsets
