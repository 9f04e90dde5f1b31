"""Words of a batch: spans, hashes and kinds, found once and shared by every filter and by the shingles."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.kernels.boundaries import mark_chunk
from pipeline.kernels.characters import Characters
from pipeline.kernels.classes import ALPHA, LINE_END, PUNCTUATION, SPACE, SYMBOL, TERMINAL
from pipeline.kernels.compiled import compiled
from pipeline.kernels.hashing import SEED, add_point, finish

HAS_ALPHA = 1 << 0
ALL_SYMBOLS = 1 << 1
ALL_PUNCTUATION = 1 << 2
ENDS_SENTENCE = 1 << 3
FIRST_OF_LINE = 1 << 4


class Words(NamedTuple):
    """The words of a batch, punctuation marks among them. Document d has words `doc_offsets[d]:doc_offsets[d
    + 1]`.

    Attributes:
        starts: int64[words], byte in the batch's UTF-8 buffer where the word begins.
        ends: int64[words], byte after its last.
        hashes: uint64[words], of its code points, as written (case counts).
        doc_offsets: int64[documents + 1], words.
        chars: int32[words], length in characters.
        kinds: uint8[words], bits: HAS_ALPHA, ALL_SYMBOLS, ALL_PUNCTUATION, ENDS_SENTENCE (one terminal mark),
            FIRST_OF_LINE.
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

    Source: spaCy 3.8 `spacy.blank("en")`, which FineWeb's filters count with; unspaced scripts are ours.
    """
    points, classes, byte_starts, doc_offsets = characters
    breaks = np.zeros(len(points) + 1, np.uint8)
    count = int(_mark_words(points, classes, doc_offsets, breaks))
    return Words(*_emit_words(points, classes, byte_starts, doc_offsets, breaks, count))


@compiled
def _mark_words(points, classes, doc_offsets, breaks):
    """Set `breaks` where a word begins; how many do."""
    for d in range(len(doc_offsets) - 1):
        i, end = doc_offsets[d], doc_offsets[d + 1]
        while i < end:
            if classes[i] & SPACE:
                i += 1
                continue
            start = i
            while i < end and not classes[i] & SPACE:
                i += 1
            mark_chunk(points, classes, start, i, breaks)
    count = 0
    for i in range(len(breaks)):
        count += breaks[i]
    return count


@compiled
def _emit_words(points, classes, byte_starts, doc_offsets, breaks, count):
    starts, ends = np.empty(count, np.int64), np.empty(count, np.int64)
    hashes, chars = np.empty(count, np.uint64), np.empty(count, np.int32)
    kinds, word_offsets = np.empty(count, np.uint8), np.zeros(len(doc_offsets), np.int64)
    n = 0
    for d in range(len(doc_offsets) - 1):
        i, end = doc_offsets[d], doc_offsets[d + 1]
        new_line = True
        while i < end:
            if not breaks[i]:  # between words: white space
                new_line = new_line or (classes[i] & LINE_END) != 0
                i += 1
                continue
            first = i
            state = add_point(SEED, points[i])
            some, every = classes[i], classes[i]
            i += 1
            while i < end and not breaks[i] and not classes[i] & SPACE:
                state = add_point(state, points[i])
                some |= classes[i]
                every &= classes[i]
                i += 1
            starts[n], ends[n] = byte_starts[first], byte_starts[i]
            hashes[n], chars[n] = finish(state), i - first
            kinds[n] = _kind(some, every, i - first, new_line)
            new_line = False
            n += 1
        word_offsets[d + 1] = n
    return starts, ends, hashes, word_offsets, chars, kinds


@compiled
def _kind(some, every, length, new_line):
    kind = 0
    if some & ALPHA:
        kind |= HAS_ALPHA
    if every & SYMBOL:
        kind |= ALL_SYMBOLS
    if every & PUNCTUATION:
        kind |= ALL_PUNCTUATION
    if length == 1 and every & TERMINAL:
        kind |= ENDS_SENTENCE
    if new_line:
        kind |= FIRST_OF_LINE
    return kind
