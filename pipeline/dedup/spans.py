"""Parts of texts that other texts have as well: lines, paragraphs, word sequences; and texts with stretches cut out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pydivsufsort  # type: ignore[import-untyped]

from pipeline.kernels.lines import Lines
from pipeline.kernels.substrings import common_prefixes, find_runs, link_repeats

BYTES_A_WORD = 64
"""Memory that `find_repeats` needs for each word: ids, suffix array as bytes and as words, prefixes, links."""


WINDOW_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_WINDOW_INVERSE = np.uint64(pow(int(WINDOW_FACTOR), -1, 1 << 64))


class Windows(NamedTuple):
    """Sequences of so many words, by their hash; ordered by it, once each.

    Attributes:
        hash: uint64[sequences].
        document: int64[sequences], document that has it first.
        times: int64[sequences], how often it is met.
    """

    hash: np.ndarray
    document: np.ndarray
    times: np.ndarray


class Repeats(NamedTuple):
    """Stretches of words that are met before, in order of place.

    Attributes:
        document: int64[runs], document it lies in.
        start, end: int64[runs], its first word and the one after its last, counted over all documents.
        source: int64[runs], document that has the first copy; -2 - i for entry i of the sequences met elsewhere.
        times: int64[runs], how often the sequence at its start is met.
    """

    document: np.ndarray
    start: np.ndarray
    end: np.ndarray
    source: np.ndarray
    times: np.ndarray


def window_hashes(hashes: np.ndarray, offsets: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Where sequences of `least` words begin that end in the same document (int64), and a hash of each (uint64).

    The hash is a polynomial in the words' own hashes, modulo 2^64, from sums over everything before.
    """
    begins = np.arange(len(hashes))
    ends = np.repeat(offsets[1:], np.diff(offsets))
    begins = begins[begins + least <= ends]
    powers, inverses = (
        np.multiply.accumulate(np.concatenate([np.ones(1, np.uint64), np.full(len(hashes), factor, np.uint64)]))
        for factor in (WINDOW_FACTOR, _WINDOW_INVERSE)
    )
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(hashes * powers[:-1], dtype=np.uint64)])
    return begins, (sums[begins + least] - sums[begins]) * inverses[begins]


def list_windows(hashes: np.ndarray, offsets: np.ndarray, least: int) -> Windows:
    """Every sequence of `least` words, to be matched with those of other documents."""
    begins, window = window_hashes(hashes, offsets, least)
    found, at, times = np.unique(window, return_index=True, return_counts=True)
    return Windows(found, np.searchsorted(offsets, begins[at], "right") - 1, times)


def find_repeats(hashes: np.ndarray, offsets: np.ndarray, least: int, elsewhere: Windows | None = None) -> Repeats:
    """Stretches of at least `least` words each of which is part of a sequence of `least` words met earlier.

    The first copy of every repeated sequence stays whole: words of it are in no stretch. Sequences do not cross from
    one document to the next.

    Args:
        hashes: uint64[words], the words of all documents in order.
        offsets: int64[documents + 1], where the words of each begin.
        least: Words of a sequence, at least 1.
        elsewhere: Sequences that other documents have too, `times` over all of them; `document` is -1 where none of
            those comes before the documents here.
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
    if elsewhere is not None and len(elsewhere.hash):
        begins, window = window_hashes(hashes, offsets, least)
        entry = np.minimum(np.searchsorted(elsewhere.hash, window), len(elsewhere.hash) - 1)
        met = elsewhere.hash[entry] == window
        at, entry = place[begins[met]], entry[met]
        alone = np.where(first[at] < 0, at, first[at])
        first[at] = np.where(elsewhere.document[entry] >= 0, -2 - entry, alone)
        times[at] = elsewhere.times[entry]
    runs = find_runs(first, times, least)
    inside = np.searchsorted(ends, runs[:, 0])
    source = np.where(runs[:, 2] < 0, runs[:, 2], np.searchsorted(ends, runs[:, 2]))
    return Repeats(inside, runs[:, 0] - inside, runs[:, 1] - inside, source, runs[:, 3])


class Blocks(NamedTuple):
    """Lines or paragraphs of a batch that are not blank.

    Attributes:
        document: int64[blocks].
        start, end: int64[blocks], first character in the batch and the one after the last.
        hash: uint64[blocks], of the lines.
    """

    document: np.ndarray
    start: np.ndarray
    end: np.ndarray
    hash: np.ndarray


def list_lines(lines: Lines) -> Blocks:
    """The lines that are not blank."""
    document = np.repeat(np.arange(len(lines.doc_offsets) - 1), np.diff(lines.doc_offsets))
    return Blocks(*(column[~lines.blank] for column in (document, lines.starts, lines.ends, lines.hashes)))


def list_paragraphs(lines: Lines) -> Blocks:
    """Lines one after another up to a blank one, or to the end of the document; of one line it has the line's hash."""
    filled = np.flatnonzero(~lines.blank)
    document, start, end, hashes = list_lines(lines)
    parted = (np.diff(filled, prepend=-2) > 1) | (np.diff(document, prepend=-1) > 0)
    first = np.flatnonzero(parted)
    if not len(first):
        return Blocks(document, start, end, hashes)
    place = np.arange(len(filled)) - first[np.cumsum(parted) - 1]
    powers = np.multiply.accumulate(np.r_[np.uint64(1), np.full(int(place.max()), WINDOW_FACTOR, np.uint64)])
    last = np.append(first[1:], len(filled)) - 1
    return Blocks(document[first], start[first], end[last], np.add.reduceat(hashes * powers[place], first))


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
