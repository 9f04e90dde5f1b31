"""Words of a batch: spans, hashes and kinds, found once and shared by every filter and by the shingles."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.kernels.boundaries import mark_chunk, mark_simple
from pipeline.kernels.characters import Characters
from pipeline.kernels.classes import ALPHA, SPACE, SYMBOL
from pipeline.kernels.compiled import compiled, inlined
from pipeline.kernels.hashing import SEED, add_point, finish

HAS_ALPHA = 1 << 0
ALL_SYMBOLS = 1 << 1


class Words(NamedTuple):
    """The words of a batch, punctuation marks among them. Document d has words `doc_offsets[d]:doc_offsets[d
    + 1]`.

    Attributes:
        starts: int64[words], byte in the batch's UTF-8 buffer where the word begins.
        ends: int64[words], byte after its last.
        hashes: uint64[words], of its code points, as written (case counts).
        doc_offsets: int64[documents + 1], words.
        chars: int32[words], length in characters.
        kinds: uint8[words], bits: HAS_ALPHA (a letter), ALL_SYMBOLS (nothing but symbols).
    """

    starts: np.ndarray
    ends: np.ndarray
    hashes: np.ndarray
    doc_offsets: np.ndarray
    chars: np.ndarray
    kinds: np.ndarray


def find_words(characters: Characters) -> Words:
    """Words by Unicode classes.

    White space separates; punctuation at the edges and between parts of a compound is a word of its own;
    English clitics are cut off (do n't), abbreviations and addresses of the web stay whole. In scripts
    written without spaces (Han, Hiragana, Thai, Lao, Khmer, Myanmar) every letter with its marks is a word,
    as UAX #29 has it where there is no dictionary: a Chinese page of 100 characters has about 100 words where
    a segmenter would find 60, and not the single one that white space would give. Katakana, Hangul and
    right-to-left scripts are cut as Latin is.

    Source: spaCy 3.8 `spacy.blank("en")`, which FineWeb's filters count with. Ours are the unspaced scripts, and what
    its list of exceptions does that no rule does: here emoticons are marks, "and/or" is three words, and "cannot",
    "dont" and "id" are one word each.
    """
    return Words(*_find_words(*characters))


def count_words(characters: Characters) -> np.ndarray:
    """int64[documents]: how many words `find_words` would find, in half its time."""
    return _count_words(characters.points, characters.classes, characters.doc_offsets)


@compiled
def _find_words(points, classes, byte_starts, doc_offsets):
    most = len(points)  # only the pages of memory that are written to are ever taken
    starts, ends = np.empty(most, np.int64), np.empty(most, np.int64)
    hashes, chars = np.empty(most, np.uint64), np.empty(most, np.int32)
    kinds, word_offsets = np.empty(most, np.uint8), np.zeros(len(doc_offsets), np.int64)
    breaks = np.zeros(most + 1, np.uint8)
    n = 0
    for d in range(len(doc_offsets) - 1):
        i, end = doc_offsets[d], doc_offsets[d + 1]
        while i < end:
            if classes[i] & SPACE:
                i += 1
                continue
            first = i
            i = _mark_next(points, classes, i, end, breaks)
            while first < i:
                after, state, some, every = _read_word(points, classes, first, i, breaks)
                starts[n], ends[n] = byte_starts[first], byte_starts[after]
                hashes[n], chars[n] = finish(state), after - first
                kinds[n] = _kind(some, every)
                n += 1
                first = after
        word_offsets[d + 1] = n
    return starts[:n], ends[:n], hashes[:n], word_offsets, chars[:n], kinds[:n]


@compiled
def _count_words(points, classes, doc_offsets):
    found = np.zeros(len(doc_offsets) - 1, np.int64)
    breaks = np.zeros(len(points) + 1, np.uint8)
    for d in range(len(doc_offsets) - 1):
        i, end = doc_offsets[d], doc_offsets[d + 1]
        while i < end:
            i = i + 1 if classes[i] & SPACE else _mark_next(points, classes, i, end, breaks)
        found[d] = breaks[doc_offsets[d] : end].sum()
    return found


@inlined
def _mark_next(points, classes, start, end, breaks):
    """Mark the words of the chunk that begins at `start`; where it ends."""
    i, seen, last = start, np.uint32(0), np.uint32(0)
    while i < end and not classes[i] & SPACE:
        seen |= last
        last = classes[i]
        i += 1
    if not mark_simple(points, classes, start, i, seen, breaks):
        mark_chunk(points, classes, start, i, breaks)
    return i


@inlined
def _read_word(points, classes, start, end, breaks):
    """The word from `start` to the next break: end, hash state, classes that some have and that all have."""
    state, some, every, i = add_point(SEED, points[start]), classes[start], classes[start], start + 1
    while i < end and not breaks[i]:
        state = add_point(state, points[i])
        some |= classes[i]
        every &= classes[i]
        i += 1
    return i, state, some, every


@inlined
def _kind(some, every):
    return (HAS_ALPHA if some & ALPHA else 0) | (ALL_SYMBOLS if every & SYMBOL else 0)
