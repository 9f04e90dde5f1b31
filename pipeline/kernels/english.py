"""Counts for NeMo Curator's English heuristics: characters of several kinds, words between spaces, lines."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from functools import cache

import numpy as np

from pipeline.kernels.characters import BLOCK, Characters, byte_at, lowest
from pipeline.kernels.chunks import Chunks
from pipeline.kernels.classes import (
    ALPHA,
    BLANK,
    BRACKET,
    BULLET,
    DIGIT,
    LAST_BULLET,
    PLAIN_ENGLISH,
    PREFIX,
    URL_PART,
    coded,
    coding,
)
from pipeline.kernels.compiled import called, compiled, inlined
from pipeline.kernels.hashing import has_slot, hash_bytes, hash_slice, low_bytes, slots_of
from pipeline.kernels.lines import Lines, is_blank, strip
from pipeline.kernels.machine import having64, load64, ones, trailing_zeros

(
    PLAIN, DIGITS, BLANKS, BRACKETS, URLS,
    WORDS, WORD_CHARS, LONGEST_WORD, ALPHA_WORDS, SYMBOL_WORDS, COMMON_WORDS,
    LINES, UNENDED, ELLIPSES, BULLETS,
) = range(15)  # fmt: skip
"""Columns of `count_english`."""

ELLIPSIS_MARKS = ("...", "[...]", "…", "(...)", "[…]", "-»", "read more..", "read more")
"""What ends a line in an ellipsis (lowered, stripped), and what is one as a word."""

_COUNTED = (PLAIN_ENGLISH, DIGIT, BLANK, BRACKET)
_PART_BITS = np.uint64(16)  # of a number that holds four counts
_PART = np.int64(0xFFFF)
_ONE = np.uint64(1)
_HASH, _COLON, _SLASH, _S = 0x23, 0x3A, 0x2F, 0x73
_PACKED = 8  # bytes of a word that fit one number
_LONGEST_MARK = 5  # of the ellipses without white space


def _joined(phrases: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    return coded("".join(phrases)), np.cumsum([0, *map(len, phrases)]).astype(np.int64)


_HTTP, _END_MARKS = coded("http"), coded(".?!\"'")
_ELLIPSIS_CODES, _ELLIPSIS_ENDS = _joined(ELLIPSIS_MARKS)


def count_english(
    data: np.ndarray, characters: Characters, chunks: Chunks, lines: Lines, common_words: tuple[str, ...]
) -> np.ndarray:
    """int64[documents, 15]: characters (letters and digits of ASCII with \\n ? ! , . ; digits; white space of ASCII;
    brackets; of URLs); words between white space (all, their characters, the longest, with a letter, ellipses and
    number signs, of `common_words`); lines not blank (all, without . ? ! " ' at the end, with an
    ellipsis there, with a bullet at the start). `data`: uint8, the UTF-8 decoded."""
    return _count_english(
        data, *characters[:4], *chunks, lines.starts, lines.ends, lines.seen, lines.doc_offsets,
        *_packed(common_words), _tallies(),
    )  # fmt: skip


@cache
def _tallies() -> np.ndarray:
    """uint64[256]: what each code counts as, in four parts of 16 bits: plain, digit, blank, bracket."""
    classes = coding().classes
    return sum(
        ((classes & bit != 0).astype(np.uint64) << (_PART_BITS * np.uint64(part)) for part, bit in enumerate(_COUNTED)),
        start=np.zeros(256, np.uint64),
    )


@cache
def _packed(words: tuple[str, ...]) -> tuple[np.ndarray, np.uint64, np.uint64, np.ndarray]:
    """Words of one to eight ASCII characters as numbers, each in a slot of its own: uint64[slots], with what brings a
    word to its slot: a factor, and a shift; uint64, hashes of the others."""
    packed = {word for word in words if word.isascii() and 0 < len(word) <= _PACKED}
    others = np.array([hash_bytes(word) for word in sorted({*words} - packed - {""})], np.uint64)
    return (*slots_of(word.encode() for word in packed), others)


@compiled
def _count_english(
    data, codes, classes, byte_index, doc_offsets, starts, ends, kinds, chunk_offsets,
    line_starts, line_ends, line_seen, line_offsets, slots, factor, shift, common, tallies,
):  # fmt: skip
    found = np.zeros((len(doc_offsets) - 1, BULLETS + 1), np.int64)
    for d in range(len(doc_offsets) - 1):
        low, high = doc_offsets[d], doc_offsets[d + 1]
        k, after = chunk_offsets[d], chunk_offsets[d + 1]
        _count_characters(codes[low:high], tallies, found[d])
        _count_lengths(starts[k:after], ends[k:after], found[d])
        _count_chunks(codes, classes, low, high, starts[k:after], ends[k:after], kinds[k:after], found[d])
        found[d, COMMON_WORDS] = _count_short(codes, starts[k:after], ends[k:after], slots, factor, shift)
        if len(common):
            found[d, COMMON_WORDS] += _count_listed(data, codes, byte_index, starts[k:after], ends[k:after], common)
        for line in range(line_offsets[d], line_offsets[d + 1]):
            if not is_blank(line_seen[line]):
                _judge_line(codes, classes, line_starts[line], line_ends[line], found[d])
    return found


@called
def _count_lengths(starts, ends, counts):
    chars = longest = np.int32(0)
    for k in range(len(starts)):
        length = np.int32(ends[k] - starts[k])
        chars = np.int32(chars + length)
        longest = max(longest, length)
    counts[WORDS], counts[WORD_CHARS], counts[LONGEST_WORD] = len(starts), chars, longest


@called
def _count_chunks(codes, classes, low, high, starts, ends, kinds, counts):
    """Words with a letter, ellipses and number signs, characters of URLs."""
    address, covered = np.intp(kinds.ctypes.data), low  # up to where URLs have been counted
    for block in range(0, len(starts), BLOCK):
        live = lowest(len(starts) - block)
        lettered = having64(address + block, np.uint8(ALPHA)) & live
        counts[ALPHA_WORDS] += np.int64(ones(lettered))
        odd = (~lettered | having64(address + block, np.uint8(PREFIX))) & live  # number signs and colons are prefixes
        while odd:
            k = block + np.int64(trailing_zeros(odd))
            odd &= odd - _ONE
            if kinds[k] & PREFIX:
                covered = _count_urls(codes, classes, low, starts[k], ends[k], high, covered, counts)
            if not kinds[k] & ALPHA or codes[starts[k]] == _HASH:
                counts[SYMBOL_WORDS] += _is_symbol_word(codes, starts[k], ends[k])


@called
def _count_short(codes, starts, ends, slots, factor, shift):
    """Words that the table has. Without branches: many short words are common ones."""
    address, count = np.intp(codes.ctypes.data), np.int64(0)
    for k in range(len(starts)):
        size = np.int64(ends[k] - starts[k])
        word = load64(address + starts[k]) & low_bytes(min(size, _PACKED))  # of ASCII characters codes are the bytes
        count += has_slot(slots, factor, shift, word) & (size <= _PACKED)
    return count


@called
def _count_listed(data, codes, byte_index, starts, ends, common):
    """Words whose hash is listed."""
    address, count = np.intp(data.ctypes.data), np.int64(0)
    for k in range(len(starts)):
        first, after = byte_at(codes, byte_index, starts[k]), byte_at(codes, byte_index, ends[k])
        count += _is_listed(hash_slice(data, address, first, after), common)
    return count


@called
def _count_characters(codes, tallies, counts):
    """Characters of four kinds, in one number while none of its parts can overflow."""
    for first in range(0, len(codes), _PART):
        four = np.int64(_sum(codes[first : first + _PART], tallies))
        for kind in range(4):
            counts[PLAIN + kind] += (four >> (16 * kind)) & _PART


@called
def _sum(codes, tallies):
    total = np.uint64(0)
    for i in range(len(codes)):
        total += tallies[codes[i]]
    return total


@called
def _count_urls(codes, classes, low, first, end, high, covered, counts):
    """Count the URLs that begin in a chunk beyond `covered`; up to where they are counted then."""
    for i in range(first, end):
        if codes[i] == _COLON:
            start, after = _find_url(codes, classes, low, i, high)
            if after and start >= covered:
                counts[URLS] += after - start
                covered = after
    return covered


@called
def _find_url(codes, classes, low, colon, high):
    """Start and end of the URL whose scheme ends at `colon`; 0, 0 where there is none."""
    start = colon - len(_HTTP)
    if colon > low and codes[colon - 1] == _S:
        start -= 1
    if start < low or colon + 2 >= high or codes[colon + 1] != _SLASH or codes[colon + 2] != _SLASH:
        return 0, 0
    for k in range(len(_HTTP)):
        if codes[start + k] != _HTTP[k]:
            return 0, 0
    end = colon + 3
    while end < high and classes[codes[end]] & URL_PART:
        end += 1
    return (start, end) if end > colon + 3 else (0, 0)


@called
def _is_symbol_word(codes, first, after):
    """Runs of # for over half of its characters, or an ellipsis."""
    runs = 0
    for i in range(first, after):
        runs += codes[i] == _HASH and (i == first or codes[i - 1] != _HASH)
    if 2 * runs > after - first:
        return True
    return after - first <= _LONGEST_MARK and _ends_in_mark(codes, first, after, True)


@inlined
def _ends_in_mark(codes, first, after, whole):
    """Whether first..after ends in an ellipsis, or (whole) is one."""
    for k in range(len(_ELLIPSIS_ENDS) - 1):
        length = _ELLIPSIS_ENDS[k + 1] - _ELLIPSIS_ENDS[k]
        if after - first < length or (whole and after - first != length):
            continue
        i = 0
        while i < length:
            point = codes[after - length + i]
            if (point | 0x20 if 0x41 <= point <= 0x5A else point) != _ELLIPSIS_CODES[_ELLIPSIS_ENDS[k] + i]:
                break
            i += 1
        if i == length:
            return True
    return False


@inlined
def _is_listed(word, common):
    for k in range(len(common)):  # noqa: SIM110  numba compiles no generators into a caller
        if common[k] == word:
            return True
    return False


@called
def _judge_line(codes, classes, low, high, counts):
    low, high = strip(codes, classes, low, high)
    counts[LINES] += 1
    ended = False
    for k in range(len(_END_MARKS)):
        ended = ended or codes[high - 1] == _END_MARKS[k]
    counts[UNENDED] += not ended
    counts[BULLETS] += BULLET <= codes[low] <= LAST_BULLET
    counts[ELLIPSES] += _ends_in_mark(codes, low, high, False)
