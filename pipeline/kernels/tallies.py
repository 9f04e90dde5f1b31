"""Counts over words and lines that the quality rules divide."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np

from pipeline.kernels.boundaries import NOT_SIMPLE, WORD_AND_MARK, mark_chunk, simple_shape
from pipeline.kernels.characters import Characters
from pipeline.kernels.chunks import LACKS_PUNCTUATION, Chunks, with_lacks, without_lacks
from pipeline.kernels.classes import COUNTED, LINE_END, PUNCTUATION, SPACE, TERMINAL
from pipeline.kernels.compiled import called, compiled, inlined
from pipeline.kernels.lines import Lines
from pipeline.kernels.words import ALL_SYMBOLS, HAS_ALPHA, Words

_CARRIAGE_RETURN, _NEWLINE, _HASH, _DOT, _ELLIPSIS, _BULLET, _MINUS = (
    0x0D,
    0x0A,
    0x23,
    0x2E,
    0x2026,
    0x2022,
    0x2D,
)


def count_word_kinds(words: Words, listed: np.ndarray) -> np.ndarray:
    """int64[documents, 5]: words, words that are not only symbols, their characters, words with a letter, and
    how many different ones of `listed` (uint64 hashes, at most 64) occur."""
    return _count_word_kinds(words.hashes, words.chars, words.kinds, words.doc_offsets, np.sort(listed))


def count_sentences(characters: Characters, chunks: Chunks) -> np.ndarray:
    """int64[documents]: sentences, each line's counted for itself.

    A sentence ends at a terminal mark that is a word of its own ("Mr." does not end one) and at the line's
    end; marks that follow belong to it. Source: spaCy's sentencizer, which datatrove's C4 filter counts with.
    """
    longest = int(np.diff(characters.doc_offsets).max(initial=0))
    return _count_sentences(
        characters.points, characters.classes, characters.doc_offsets, *chunks, longest
    )


def count_marks(characters: Characters) -> np.ndarray:
    """int64[documents, 5]: '#'; ellipses ("..." or "…"); lines as `str.splitlines` has them; lines that begin
    with a bullet (• or -); lines that end in an ellipsis. White space at a line's ends does not matter."""
    return _count_marks(characters.points, characters.classes, characters.doc_offsets)


def count_line_shapes(characters: Characters, lines: Lines, short_line_chars: int) -> np.ndarray:
    """int64[documents, 3]: lines that are not blank; those whose last character is a terminal mark; those of
    at most `short_line_chars` characters. Lines keep their white space."""
    return _count_line_shapes(
        characters.classes, lines.starts, lines.ends, lines.blank, lines.doc_offsets, short_line_chars
    )


@compiled
def _count_word_kinds(hashes, chars, kinds, doc_offsets, listed):
    found = np.zeros((len(doc_offsets) - 1, 5), np.int64)
    some = np.uint64(0)  # which low six bits hashes of the list have: most words have none of them
    for place in range(len(listed)):
        some |= np.uint64(1) << (listed[place] & np.uint64(63))
    for d in range(len(doc_offsets) - 1):
        met = np.uint64(0)
        for w in range(doc_offsets[d], doc_offsets[d + 1]):
            if not kinds[w] & ALL_SYMBOLS:
                found[d, 1] += 1
                found[d, 2] += chars[w]
            if kinds[w] & HAS_ALPHA:
                found[d, 3] += 1
            if some >> (hashes[w] & np.uint64(63)) & np.uint64(1):
                met |= _place_bit(listed, hashes[w])
        found[d, 0] = doc_offsets[d + 1] - doc_offsets[d]
        while met:
            found[d, 4] += np.int64(met & np.uint64(1))
            met >>= np.uint64(1)
    return found


@inlined
def _place_bit(listed, wanted):
    """One bit set, at the place of `wanted` in the list; none where it is not listed."""
    for place in range(len(listed)):
        if listed[place] == wanted:
            return np.uint64(1) << np.uint64(place)
    return np.uint64(0)


@compiled
def _count_sentences(points, classes, char_offsets, starts, ends, seen, doc_offsets, longest):
    found = np.zeros(len(doc_offsets) - 1, np.int64)
    breaks = np.zeros(longest + 1, np.uint8)
    for d in range(len(doc_offsets) - 1):
        ended = new_line = True
        space = char_offsets[d]
        for k in range(doc_offsets[d], doc_offsets[d + 1]):
            first, end = starts[k], ends[k]
            for i in range(space, first):
                new_line = new_line or (classes[i] & LINE_END) != 0
            space = end
            every = seen[k] | with_lacks(classes[end - 1])
            terminal = every & TERMINAL
            if new_line or (ended and every & LACKS_PUNCTUATION and not terminal):
                found[d] += 1
                ended = new_line = False
            if terminal:
                begun, ended = _end_sentences(points, classes, first, end, without_lacks(seen[k]), breaks, ended)
                found[d] += begun
    return found


@called
def _end_sentences(points, classes, first, end, seen, breaks, ended):
    """Sentences that begin within a chunk that has terminal marks, and whether one has ended with it."""
    shape = simple_shape(points, classes, first, end, seen)
    breaks[0] = 1
    if shape == WORD_AND_MARK:
        breaks[end - first - 1] = 1
    elif shape == NOT_SIMPLE:
        mark_chunk(points, classes, first, end, breaks)
    begun, start = 0, first
    while first < end:
        after, every = first + 1, classes[first]
        breaks[first - start] = 0
        while after < end and not breaks[after - start]:
            every &= classes[after]
            after += 1
        terminal = after - first == 1 and every & TERMINAL
        if ended and not terminal and not every & PUNCTUATION:
            begun += 1
            ended = False
        ended = ended or terminal != 0
        first = after
    return begun, ended


@compiled
def _count_marks(points, classes, doc_offsets):
    found = np.zeros((len(doc_offsets) - 1, 5), np.int64)
    for d in range(len(doc_offsets) - 1):
        start = i = doc_offsets[d]
        end = doc_offsets[d + 1]
        while i < end:
            if not classes[i] & COUNTED:
                i += 1
                continue
            point = points[i]
            dots = 0
            while i + dots < end and points[i + dots] == _DOT:
                dots += 1
            found[d, 0] += point == _HASH
            found[d, 1] += dots // 3 + (point == _ELLIPSIS)
            if classes[i] & LINE_END:
                found[d, 2] += 1
                _judge_edges(points, classes, start, i, found[d])
                if i + 1 < end and point == _CARRIAGE_RETURN and points[i + 1] == _NEWLINE:
                    i += 1
                start = i + 1
            i += max(dots, 1)
        if start < end:
            found[d, 2] += 1
            _judge_edges(points, classes, start, end, found[d])
    return found


@inlined
def _judge_edges(points, classes, start, end, found):
    while start < end and classes[start] & SPACE:
        start += 1
    while end > start and classes[end - 1] & SPACE:
        end -= 1
    if start == end:
        return
    found[3] += points[start] == _BULLET or points[start] == _MINUS
    dots = 0
    while dots < 3 and end - dots > start and points[end - dots - 1] == _DOT:
        dots += 1
    found[4] += dots == 3 or points[end - 1] == _ELLIPSIS


@compiled
def _count_line_shapes(classes, starts, ends, blank, doc_offsets, short_line_chars):
    found = np.zeros((len(doc_offsets) - 1, 3), np.int64)
    for d in range(len(doc_offsets) - 1):
        for line in range(doc_offsets[d], doc_offsets[d + 1]):
            if not blank[line]:
                found[d, 0] += 1
                found[d, 1] += (classes[ends[line] - 1] & TERMINAL) != 0
                found[d, 2] += ends[line] - starts[line] <= short_line_chars
    return found
