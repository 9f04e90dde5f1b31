"""Counts over words and lines that the quality rules divide."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np

from pipeline.kernels.boundaries import NOT_SIMPLE, WORD_AND_MARK, mark_chunk
from pipeline.kernels.characters import AT_ONCE, BLOCK, Characters, lowest
from pipeline.kernels.chunks import SHAPE, Chunks, count_having
from pipeline.kernels.classes import (
    BULLET,
    ELLIPSIS,
    LACKS_PUNCTUATION,
    LINE_END,
    PUNCTUATION,
    TERMINAL,
)
from pipeline.kernels.compiled import called, compiled, inlined
from pipeline.kernels.lines import Lines, is_blank, strip
from pipeline.kernels.machine import having64, trailing_zeros
from pipeline.kernels.phrases import find_phrases
from pipeline.kernels.words import ALL_SYMBOLS, HAS_ALPHA, Words

_CARRIAGE_RETURN, _DOT, _MINUS = 0x0D, 0x2E, 0x2D
_ONE = np.uint64(1)
_SIGNS = ("#", "…", "...")


def count_word_kinds(words: Words, listed: np.ndarray) -> np.ndarray:
    """int64[documents, 5]: words, words that are not only symbols, their characters, words with a letter, and
    how many different ones of `listed` (uint64 hashes, at most 64) occur."""
    return _count_word_kinds(words.hashes, words.chars, words.kinds, words.doc_offsets, np.sort(listed))


def count_sentences(characters: Characters, chunks: Chunks, lines: Lines) -> np.ndarray:
    """int64[documents]: sentences, each line's counted for itself.

    A sentence ends at a terminal mark that is a word of its own ("Mr." does not end one) and at the line's
    end; marks that follow belong to it. Source: spaCy's sentencizer, which datatrove's C4 filter counts with.
    """
    longest = int(np.diff(characters.doc_offsets).max(initial=0))
    return _count_sentences(
        characters.codes, characters.classes, *chunks, lines.starts, lines.ends, lines.seen, lines.doc_offsets, longest
    )


def count_marks(data: np.ndarray, offsets: np.ndarray, characters: Characters, lines: Lines) -> np.ndarray:
    """int64[documents, 5]: '#'; ellipses ("..." or "…"); lines as `str.splitlines` has them; lines that begin
    with a bullet (• or -); lines that end in an ellipsis. White space at a line's ends does not matter.
    `data`: uint8, the UTF-8 decoded, and `offsets`: int64[documents + 1], where documents end in it."""
    hits = find_phrases(data, offsets, _SIGNS)
    return _count_marks(
        characters.codes, characters.classes, characters.doc_offsets,
        lines.starts, lines.ends, lines.seen, lines.doc_offsets, *hits, offsets,
    )  # fmt: skip


def count_line_shapes(characters: Characters, lines: Lines, short_line_chars: int) -> np.ndarray:
    """int64[documents, 3]: lines that are not blank; those whose last character is a terminal mark; those of
    at most `short_line_chars` characters. Lines keep their white space."""
    return _count_line_shapes(
        characters.codes, characters.classes, lines.starts, lines.ends, lines.seen, lines.doc_offsets, short_line_chars
    )


def sum_by_document(values: np.ndarray, doc_offsets: np.ndarray) -> np.ndarray:
    """int64[documents]: the sum of `values[doc_offsets[d]:doc_offsets[d + 1]]`."""
    sums: np.ndarray = _sum_by_document(values, doc_offsets)
    return sums


@compiled
def _sum_by_document(values, doc_offsets):
    sums = np.zeros(len(doc_offsets) - 1, np.int64)
    for d in range(len(sums)):
        sums[d] = _sum(values[doc_offsets[d] : doc_offsets[d + 1]])
    return sums


@called
def _sum(values):
    total = 0
    for value in values:
        total += value
    return total


@compiled
def _count_word_kinds(hashes, chars, kinds, doc_offsets, listed):
    found = np.zeros((len(doc_offsets) - 1, 5), np.int64)
    for d in range(len(doc_offsets) - 1):
        first, after = doc_offsets[d], doc_offsets[d + 1]
        _count_kinds(chars[first:after], kinds[first:after], found[d])
        found[d, 4] = _count_listed(hashes[first:after], listed)
    return found


@called
def _count_kinds(chars, kinds, found):
    real = letters = alpha = np.int32(0)
    for w in range(len(chars)):
        symbols = np.int32(kinds[w] & ALL_SYMBOLS != 0)
        real = np.int32(real + 1 - symbols)
        letters = np.int32(letters + chars[w] * (1 - symbols))
        alpha = np.int32(alpha + (kinds[w] & HAS_ALPHA != 0))
    found[0], found[1], found[2], found[3] = len(chars), real, letters, alpha


@called
def _count_listed(hashes, listed):
    """How many different ones of the list occur. Each is compared with several words at a time: no branch on a word."""
    count = np.int64(0)
    for place in range(len(listed)):
        met = np.uint64(0)
        for w in range(len(hashes)):
            met |= np.uint64(hashes[w] == listed[place])
        count += np.int64(met)
    return count


@compiled
def _count_sentences(
    codes, classes, starts, ends, kinds, doc_offsets, line_starts, line_ends, line_seen, line_offsets, longest
):  # fmt: skip
    found = np.zeros(len(doc_offsets) - 1, np.int64)
    breaks = np.zeros(longest + AT_ONCE, np.uint8)
    for d in range(len(doc_offsets) - 1):
        k, last = doc_offsets[d], doc_offsets[d + 1]
        for line in range(line_offsets[d], line_offsets[d + 1]):
            first = k
            while k < last and starts[k] < line_ends[line]:
                k += 1
            space = line_starts[line]
            if line_seen[line] & LINE_END:  # another than a newline
                for place in range(first, k):
                    if place > first and _has_line_end(codes, classes, space, starts[place]):
                        found[d] += _sentences_of(codes, classes, starts, ends, kinds, first, place, breaks)
                        first = place
                    space = np.int64(ends[place])
            found[d] += _sentences_of(codes, classes, starts, ends, kinds, first, k, breaks)
    return found


@called
def _sentences_of(codes, classes, starts, ends, kinds, k, after, breaks):
    """Sentences of the chunks `k..after`, a line: the first one begins one, and others where one has ended."""
    address, found, ended, begun = np.intp(kinds.ctypes.data), np.int64(k < after), False, k
    for block in range(k, after, BLOCK):
        terminals = having64(address + block, np.uint8(TERMINAL)) & lowest(after - block)
        while terminals:
            k = block + np.int64(trailing_zeros(terminals))
            terminals &= terminals - _ONE
            begins = ended and count_having(kinds, begun, k, LACKS_PUNCTUATION) > 0
            more, ended = _end_sentences(codes, classes, starts[k], ends[k], kinds[k], breaks, ended and not begins)
            found += begins + more
            begun = k + 1
    return found + (ended and count_having(kinds, begun, after, LACKS_PUNCTUATION) > 0)


@inlined
def _has_line_end(codes, classes, low, high):
    found = np.uint32(0)
    for i in range(low, high):
        found |= classes[codes[i]]
    return found & LINE_END != 0


@called
def _end_sentences(codes, classes, first, end, kind, breaks, ended):
    """Sentences that begin within a chunk that has terminal marks, and whether one has ended with it."""
    if kind & SHAPE == WORD_AND_MARK:  # a plain word, which begins one where the last has ended, and the mark
        return int(ended), True
    breaks[0] = 1
    if kind & SHAPE == NOT_SIMPLE:
        mark_chunk(codes, classes, first, end, breaks)
    begun, start = 0, first
    while first < end:
        after, every = first + 1, classes[codes[first]]
        breaks[first - start] = 0
        while after < end and not breaks[after - start]:
            every &= classes[codes[after]]
            after += 1
        terminal = after - first == 1 and every & TERMINAL
        if ended and not terminal and not every & PUNCTUATION:
            begun += 1
            ended = False
        ended = ended or terminal != 0
        first = after
    return begun, ended


@compiled
def _count_marks(codes, classes, doc_offsets, starts, ends, seen, line_offsets, hit_starts, hit_phrases, byte_offsets):
    found = np.zeros((len(doc_offsets) - 1, 5), np.int64)
    hit = 0
    for d in range(len(doc_offsets) - 1):
        hit = _count_signs(hit_starts, hit_phrases, hit, byte_offsets[d + 1], found[d])
        first, after = line_offsets[d], line_offsets[d + 1]
        _judge_lines(codes, classes, starts[first:after], ends[first:after], seen[first:after], found[d])
    return found


@called
def _count_signs(starts, phrases, hit, after, found):
    """Count number signs and ellipses; the first hit of the next document."""
    dots, before = 0, -2
    while hit < len(starts) and starts[hit] < after:
        found[0] += phrases[hit] == 0
        found[1] += phrases[hit] == 1
        if phrases[hit] == 2:  # three full stops, at every place of a run where three stand
            dots = dots + 1 if starts[hit] == before + 1 else 1
            before = starts[hit]
            found[1] += dots % 3 == 1
        hit += 1
    return hit


@called
def _judge_lines(codes, classes, starts, ends, seen, found):
    """Count a document's lines, as `str.splitlines` has them, and look at their edges."""
    last = len(starts) - 1
    for line in range(len(starts)):
        i, line_end = starts[line], ends[line]
        while i < line_end or line < last:  # what follows the last line end is a line only where it is not empty
            end = i
            while seen[line] & LINE_END and end < line_end and not classes[codes[end]] & LINE_END:
                end += 1
            end = end if seen[line] & LINE_END else line_end
            found[2] += 1
            _judge_edges(codes, classes, i, end, found)
            i = end + 1
            if i > line_end or (i == line_end and line < last and codes[end] == _CARRIAGE_RETURN):
                break


@inlined
def _judge_edges(codes, classes, start, end, found):
    start, end = strip(codes, classes, start, end)
    if start == end:
        return
    found[3] += codes[start] == BULLET or codes[start] == _MINUS
    dots = 0
    while dots < 3 and end - dots > start and codes[end - dots - 1] == _DOT:
        dots += 1
    found[4] += dots == 3 or codes[end - 1] == ELLIPSIS


@compiled
def _count_line_shapes(codes, classes, starts, ends, seen, doc_offsets, short_line_chars):
    found = np.zeros((len(doc_offsets) - 1, 3), np.int64)
    for d in range(len(doc_offsets) - 1):
        for line in range(doc_offsets[d], doc_offsets[d + 1]):
            if not is_blank(seen[line]):
                found[d, 0] += 1
                found[d, 1] += (classes[codes[ends[line] - 1]] & TERMINAL) != 0
                found[d, 2] += ends[line] - starts[line] <= short_line_chars
    return found
