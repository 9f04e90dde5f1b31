"""Parts of texts that other texts have as well: repeated word sequences found, and texts with stretches cut out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pydivsufsort  # type: ignore[import-untyped]

from pipeline.kernels.substrings import common_prefixes, find_runs, link_repeats

BYTES_A_WORD = 64
"""Memory that `find_repeats` needs for each word: ids, suffix array as bytes and as words, prefixes, links."""


class Repeats(NamedTuple):
    """Stretches of words that are met before, in order of place.

    Attributes:
        document: int64[runs], document it lies in.
        start, end: int64[runs], its first word and the one after its last, counted over all documents.
        source: int64[runs], document that has the first copy.
        times: int64[runs], how often the sequence at its start is met.
    """

    document: np.ndarray
    start: np.ndarray
    end: np.ndarray
    source: np.ndarray
    times: np.ndarray


def find_repeats(hashes: np.ndarray, offsets: np.ndarray, least: int) -> Repeats:
    """Stretches of at least `least` words each of which is part of a sequence of `least` words met earlier.

    The first copy of every repeated sequence stays whole: words of it are in no stretch. Sequences do not cross from
    one document to the next.

    Args:
        hashes: uint64[words], the words of all documents in order.
        offsets: int64[documents + 1], where the words of each begin.
        least: Words of a sequence, at least 1.
    """
    documents = len(offsets) - 1
    vocabulary, ids = np.unique(hashes, return_inverse=True)
    document = np.repeat(np.arange(documents), np.diff(offsets))
    place = np.arange(len(hashes)) + document
    sequence = np.empty(len(hashes) + documents, np.int32)
    sequence[place] = ids
    ends = offsets[1:] + np.arange(documents)
    sequence[ends] = len(vocabulary) + np.arange(documents)  # a word of its own ends each document
    if not len(hashes):
        return Repeats(*(np.zeros(0, np.int64) for _ in range(5)))
    suffixes = pydivsufsort.divsufsort(sequence)
    first, times = link_repeats(suffixes, common_prefixes(sequence, suffixes), least)
    runs = find_runs(first, times, least)
    inside = np.searchsorted(ends, runs[:, 0])
    source = np.searchsorted(ends, runs[:, 2])
    return Repeats(inside, runs[:, 0] - inside, runs[:, 1] - inside, source, runs[:, 3])


def cut_text(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text without the given stretches (start, characters; in order of start, they may overlap).

    Of the white space on both sides of a cut one side's stays, that with more newlines.

    >>> cut_text("one two three", [(4, 3)])
    'one three'
    """
    pieces, at = [], 0
    for start, chars in spans:
        if start > at:
            pieces.append(text[at:start])
        at = max(at, start + chars)
    return _join([*pieces, text[at:]]) if at else text


def _join(pieces: Iterable[str]) -> str:
    out: list[str] = []
    gap = ""
    for piece in pieces:
        body = piece.strip()
        gap = _wider(gap, piece[: len(piece) - len(piece.lstrip())])
        if body:
            out += [gap, body] if out else [body]
            gap = piece[len(piece.rstrip()) :]
    return "".join(out)


def _wider(left: str, right: str) -> str:
    return max(left, right, key=lambda gap: (gap.count("\n"), len(gap)))
