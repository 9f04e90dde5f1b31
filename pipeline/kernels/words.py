"""Words of a batch: lengths, hashes and kinds, found once and shared by every filter and by the shingles."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.kernels.boundaries import NOT_SIMPLE, ONE_WORD, WORD_AND_MARK, mark_chunk
from pipeline.kernels.characters import AT_ONCE, Characters, byte_at, classes_between
from pipeline.kernels.chunks import SHAPE, Chunks, kind_of
from pipeline.kernels.classes import ALPHA, LACKS_SYMBOL
from pipeline.kernels.compiled import called, compiled, inlined
from pipeline.kernels.hashing import hash_padded, hash_slice
from pipeline.kernels.machine import load64, trailing_zeros

HAS_ALPHA = 1 << 0
ALL_SYMBOLS = 1 << 1
_BYTE_BITS = np.uint64(3)  # a number of bits to one of bytes


class Words(NamedTuple):
    """The words of a batch, punctuation marks among them. Document d has words `doc_offsets[d]:doc_offsets[d + 1]`.

    Attributes:
        hashes: uint64[words], of its UTF-8, as written (case counts).
        doc_offsets: int64[documents + 1], words.
        chars: int32[words], length in characters.
        kinds: uint8[words], bits: HAS_ALPHA (a letter), ALL_SYMBOLS (nothing but symbols).
        per_chunk: int32[chunks], how many words each chunk is.
    """

    hashes: np.ndarray
    doc_offsets: np.ndarray
    chars: np.ndarray
    kinds: np.ndarray
    per_chunk: np.ndarray


def find_words(data: np.ndarray, characters: Characters, chunks: Chunks) -> Words:
    """Words by Unicode classes. `data`: uint8, the UTF-8 decoded.

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
    most = len(characters.codes)
    return Words(*_find_words(data, *characters[:3], chunks.starts, chunks.ends, chunks.doc_offsets, most, longest))


def count_words(characters: Characters, chunks: Chunks, known: np.ndarray | None = None) -> np.ndarray:
    """int32[chunks]: how many words `find_words` would find in each, in a fraction of its time.

    Args:
        known: int32[chunks], counts that are known already; below 0 for those that are not, which are written there.
    """
    counts = np.full(len(chunks.starts), -1, np.int32) if known is None else known
    longest = int(np.diff(characters.doc_offsets).max(initial=0))
    _count_words(characters.codes, characters.classes, *chunks[:3], counts, longest)
    return counts


@compiled
def _find_words(data, codes, classes, byte_index, starts, ends, doc_offsets, most, longest):
    # most: only the pages of memory that are written to are ever taken
    hashes, chars = np.empty(most, np.uint64), np.empty(most, np.int32)
    kinds, word_offsets = np.empty(most, np.uint8), np.zeros(len(doc_offsets), np.int64)
    shapes, per_chunk = np.empty(len(starts), np.uint8), np.empty(len(starts), np.int32)
    breaks = np.zeros(longest + AT_ONCE, np.uint8)
    n = 0
    for d in range(len(doc_offsets) - 1):
        k, after = doc_offsets[d], doc_offsets[d + 1]
        n = read_chunks(
            data, codes, classes, byte_index, starts[k:after], ends[k:after], shapes[k:after],
            breaks, hashes, chars, kinds, per_chunk[k:after], n,
        )  # fmt: skip
        word_offsets[d + 1] = n
    return hashes[:n], word_offsets, chars[:n], kinds[:n], per_chunk


@called
def read_chunks(
    data, codes, classes, byte_index, starts, ends, shapes, breaks, hashes, chars, kinds, per_chunk, n
):  # fmt: skip
    """Write the words of a document's chunks after the first `n`, and what kinds of chunks these are; how many words
    there are then."""
    for k in range(len(starts)):
        first, end, begun = np.int64(starts[k]), np.int64(ends[k]), n
        shape, wide = kind_of(codes, classes, first, end)
        shapes[k] = shape
        if shape & SHAPE == ONE_WORD:
            hashes[n] = _hash(data, codes, byte_index, wide, first, end)
            chars[n], kinds[n] = end - first, _kind(shape)
            n += 1
        elif shape & SHAPE == WORD_AND_MARK:
            hashes[n] = _hash(data, codes, byte_index, wide, first, end - 1)
            chars[n], kinds[n] = end - first - 1, _kind(shape | LACKS_SYMBOL)
            hashes[n + 1] = _hash(data, codes, byte_index, wide, end - 1, end)
            chars[n + 1], kinds[n + 1] = 1, _kind(classes[codes[end - 1]])
            n += 2
        else:
            mark_chunk(codes, classes, first, end, breaks)
            n = _read_words(data, codes, classes, byte_index, wide, first, end, breaks, hashes, chars, kinds, n)
        per_chunk[k] = n - begun
    return n


@called
def _read_words(data, codes, classes, byte_index, wide, first, end, breaks, hashes, chars, kinds, n):
    """Write the words that `breaks` marks between two characters; how many there are then."""
    start, begun = first, byte_at(codes, byte_index, first)
    while start < end:
        breaks[start - first] = 0
        after = min(_next_break(breaks, start - first + 1, end - first) + first, end)
        if wide:
            ended = byte_at(codes, byte_index, after)
            hashes[n] = hash_slice(data, np.intp(data.ctypes.data), begun, ended)
            begun = ended
        else:
            hashes[n] = hash_padded(np.intp(codes.ctypes.data), start, after)
        alone = after == start + 1
        some = classes[codes[start]] if alone else classes_between(codes, classes, start, after)
        chars[n], kinds[n] = after - start, _kind(some)
        n += 1
        start = after
    return n


@inlined
def _next_break(breaks, i, end):
    """Where the first break from `i` on is; `end` or beyond where there is none before."""
    address = np.intp(breaks.ctypes.data)
    while i < end:
        flags = load64(address + i)
        if flags:
            return i + np.int64(trailing_zeros(flags) >> _BYTE_BITS)
        i += AT_ONCE
    return i


@inlined
def _hash(data, codes, byte_index, wide, start, end):
    """Hash of the UTF-8 of the characters `start..end`, which is their codes where none of their chunk is `wide`."""
    if wide:
        address = np.intp(data.ctypes.data)
        return hash_slice(data, address, byte_at(codes, byte_index, start), byte_at(codes, byte_index, end))
    return hash_padded(np.intp(codes.ctypes.data), start, end)


@compiled
def _count_words(codes, classes, starts, ends, shapes, counts, longest):
    _count_chunks(codes, classes, starts, ends, shapes, counts, np.zeros(longest + AT_ONCE, np.uint8))


@called
def _count_chunks(codes, classes, starts, ends, shapes, counts, breaks):
    for k in range(len(starts)):
        if counts[k] >= 0:
            continue
        counts[k] = shapes[k] & SHAPE  # one or two
        if counts[k] == NOT_SIMPLE:
            mark_chunk(codes, classes, starts[k], ends[k], breaks)
            for i in range(ends[k] - starts[k]):
                counts[k] += breaks[i]
                breaks[i] = 0


@inlined
def _kind(seen):
    return (HAS_ALPHA if seen & ALPHA else 0) | (0 if seen & LACKS_SYMBOL else ALL_SYMBOLS)
