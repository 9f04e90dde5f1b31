"""Words of a batch: lengths, hashes and kinds, found once and shared by every filter and by the shingles."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.kernels.boundaries import NOT_SIMPLE, ONE_WORD, WORD_AND_MARK, mark_chunk, simple_shape
from pipeline.kernels.characters import Characters
from pipeline.kernels.chunks import LACKS_SYMBOL, Chunks, with_lacks, without_lacks
from pipeline.kernels.classes import ALPHA
from pipeline.kernels.compiled import called, compiled, inlined
from pipeline.kernels.hashing import SEED, add_point, drop_point, finish

HAS_ALPHA = 1 << 0
ALL_SYMBOLS = 1 << 1


class Words(NamedTuple):
    """The words of a batch, punctuation marks among them. Document d has words `doc_offsets[d]:doc_offsets[d + 1]`.

    Attributes:
        hashes: uint64[words], of its code points, as written (case counts).
        doc_offsets: int64[documents + 1], words.
        chars: int32[words], length in characters.
        kinds: uint8[words], bits: HAS_ALPHA (a letter), ALL_SYMBOLS (nothing but symbols).
    """

    hashes: np.ndarray
    doc_offsets: np.ndarray
    chars: np.ndarray
    kinds: np.ndarray


def find_words(characters: Characters, chunks: Chunks) -> Words:
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
    longest = int(np.diff(characters.doc_offsets).max(initial=0))
    return Words(*_find_words(characters.points, characters.classes, *chunks, len(characters.points), longest))


def count_words(characters: Characters, chunks: Chunks) -> np.ndarray:
    """int64[documents]: how many words `find_words` would find, in a fraction of its time."""
    longest = int(np.diff(characters.doc_offsets).max(initial=0))
    return _count_words(characters.points, characters.classes, *chunks[:3], chunks.doc_offsets, longest)


@compiled
def _find_words(points, classes, starts, ends, seen, states, doc_offsets, most, longest):
    # most: only the pages of memory that are written to are ever taken
    hashes, chars = np.empty(most, np.uint64), np.empty(most, np.int32)
    kinds, word_offsets = np.empty(most, np.uint8), np.zeros(len(doc_offsets), np.int64)
    breaks = np.zeros(longest + 1, np.uint8)
    n = 0
    for d in range(len(doc_offsets) - 1):
        for k in range(doc_offsets[d], doc_offsets[d + 1]):
            first, end, some = starts[k], ends[k], seen[k]
            last = with_lacks(classes[end - 1])
            shape = simple_shape(points, classes, first, end, without_lacks(some))
            if shape == ONE_WORD:
                hashes[n], chars[n], kinds[n] = finish(states[k]), end - first, _kind(some | last)
                n += 1
            elif shape == WORD_AND_MARK:
                mark = points[end - 1]
                hashes[n], chars[n], kinds[n] = finish(drop_point(states[k], mark)), end - first - 1, _kind(some)
                hashes[n + 1], chars[n + 1], kinds[n + 1] = finish(add_point(SEED, mark)), 1, _kind(last)
                n += 2
            else:
                mark_chunk(points, classes, first, end, breaks)
                n = _read_words(points, classes, first, end, breaks, hashes, chars, kinds, n)
        word_offsets[d + 1] = n
    return hashes[:n], word_offsets, chars[:n], kinds[:n]


@called
def _read_words(points, classes, first, end, breaks, hashes, chars, kinds, n):
    """Write the words that `breaks` marks between two characters; how many there are then."""
    start = first
    while start < end:
        state, some, i = add_point(SEED, points[start]), with_lacks(classes[start]), start + 1
        breaks[start - first] = 0
        while i < end and not breaks[i - first]:
            state = add_point(state, points[i])
            some |= with_lacks(classes[i])
            i += 1
        hashes[n], chars[n], kinds[n] = finish(state), i - start, _kind(some)
        n += 1
        start = i
    return n


@compiled
def _count_words(points, classes, starts, ends, seen, doc_offsets, longest):
    found = np.zeros(len(doc_offsets) - 1, np.int64)
    breaks = np.zeros(longest + 1, np.uint8)
    for d in range(len(doc_offsets) - 1):
        count = 0
        for k in range(doc_offsets[d], doc_offsets[d + 1]):
            shape = simple_shape(points, classes, starts[k], ends[k], without_lacks(seen[k]))
            count += shape  # one or two
            if shape == NOT_SIMPLE:
                mark_chunk(points, classes, starts[k], ends[k], breaks)
                for i in range(ends[k] - starts[k]):
                    count += breaks[i]
                    breaks[i] = 0
        found[d] = count
    return found


@inlined
def _kind(seen):
    return (HAS_ALPHA if seen & ALPHA else 0) | (0 if seen & LACKS_SYMBOL else ALL_SYMBOLS)
