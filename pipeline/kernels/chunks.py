"""Chunks of a batch: runs of characters without white space, found once for all that looks at words.

Nearly every chunk is a word, or a word and a mark. Where chunks end is what a processor cannot foresee: the one pass
that finds them has no branches, and what counts words then walks chunks and not characters.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.kernels.classes import PUNCTUATION, SPACE, SYMBOL
from pipeline.kernels.compiled import called, inlined

_LACKS = 20
"""How far left of a class its complement is kept: a bit that no class has, and none may take."""
LACKS_SYMBOL, LACKS_PUNCTUATION = SYMBOL << _LACKS, PUNCTUATION << _LACKS
"""In `Chunks.seen`: some character is no symbol, is no punctuation."""
_COMPLEMENTED = np.uint32(SYMBOL | PUNCTUATION)
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
def scan_chunks(classes, low, starts, ends, seen, n):
    """Write the chunks of a document, which begins at character `low`, after the first `n`; how many there are then."""
    first, last = np.int32(low), np.uint32(0)
    some, before = np.uint32(0), np.uint32(SPACE)
    for i in range(len(classes)):  # from 0 on, no index needs a look at its sign
        c = classes[i]
        n += np.int64(c & ~before & np.uint32(SPACE))
        first = np.int32(low + i) if before & np.uint32(SPACE) else first
        some = np.uint32(0) if before & np.uint32(SPACE) else some | last
        starts[n], ends[n], seen[n] = first, low + i + 1, some  # of white space: written over
        last, before = with_lacks(c), c
    return n + np.int64(~before & np.uint32(SPACE))
