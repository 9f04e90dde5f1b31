"""Counts over words and lines that the quality rules divide."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np

from pipeline.kernels.characters import Characters
from pipeline.kernels.classes import LINE_END, SPACE, TERMINAL
from pipeline.kernels.compiled import compiled, inlined
from pipeline.kernels.words import (
    ALL_PUNCTUATION,
    ALL_SYMBOLS,
    ENDS_SENTENCE,
    FIRST_OF_LINE,
    HAS_ALPHA,
    Words,
)

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


def count_sentences(words: Words) -> np.ndarray:
    """int64[documents]: sentences, each line's counted for itself.

    A sentence ends at a terminal mark that is a word of its own ("Mr." does not end one) and at the line's
    end; marks that follow belong to it. Source: spaCy's sentencizer, which datatrove's C4 filter counts with.
    """
    return _count_sentences(words.kinds, words.doc_offsets)


def count_marks(characters: Characters) -> np.ndarray:
    """int64[documents, 5]: '#'; ellipses ("..." or "…"); lines as `str.splitlines` has them; lines that begin
    with a bullet (• or -); lines that end in an ellipsis. White space at a line's ends does not matter."""
    return _count_marks(characters.points, characters.classes, characters.doc_offsets)


def count_line_shapes(characters: Characters, short_line_chars: int) -> np.ndarray:
    """int64[documents, 4]: lines that are not blank; those whose last character is a terminal mark; those of
    at most `short_line_chars` characters; newlines. Lines end at newlines only and keep their white space."""
    return _count_line_shapes(characters.points, characters.classes, characters.doc_offsets, short_line_chars)


@compiled
def _count_word_kinds(hashes, chars, kinds, doc_offsets, listed):
    found = np.zeros((len(doc_offsets) - 1, 5), np.int64)
    for d in range(len(doc_offsets) - 1):
        met = np.uint64(0)
        for w in range(doc_offsets[d], doc_offsets[d + 1]):
            if not kinds[w] & ALL_SYMBOLS:
                found[d, 1] += 1
                found[d, 2] += chars[w]
            if kinds[w] & HAS_ALPHA:
                found[d, 3] += 1
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
def _count_sentences(kinds, doc_offsets):
    found = np.zeros(len(doc_offsets) - 1, np.int64)
    for d in range(len(doc_offsets) - 1):
        ended = True
        for w in range(doc_offsets[d], doc_offsets[d + 1]):
            kind = kinds[w]
            if kind & FIRST_OF_LINE or (ended and not kind & (ENDS_SENTENCE | ALL_PUNCTUATION)):
                found[d] += 1
                ended = False
            if kind & ENDS_SENTENCE:
                ended = True
    return found


@compiled
def _count_marks(points, classes, doc_offsets):
    found = np.zeros((len(doc_offsets) - 1, 5), np.int64)
    for d in range(len(doc_offsets) - 1):
        i, end = doc_offsets[d], doc_offsets[d + 1]
        while i < end:
            start = i
            while i < end and not classes[i] & LINE_END:
                if points[i] == _HASH:
                    found[d, 0] += 1
                i += 1
            found[d, 1] += _count_ellipses(points, start, i)
            found[d, 2] += 1
            _judge_edges(points, classes, start, i, found[d])
            if i + 1 < end and points[i] == _CARRIAGE_RETURN and points[i + 1] == _NEWLINE:
                i += 1
            i += 1
    return found


@inlined
def _count_ellipses(points, start, end):
    count = run = 0
    for i in range(start, end):
        if points[i] == _DOT:
            run += 1
            if run == 3:
                count += 1
                run = 0
        else:
            run = 0
            count += points[i] == _ELLIPSIS
    return count


@inlined
def _judge_edges(points, classes, start, end, found):
    while start < end and classes[start] & SPACE:
        start += 1
    while end > start and classes[end - 1] & SPACE:
        end -= 1
    if start == end:
        return
    found[3] += points[start] == _BULLET or points[start] == _MINUS
    dots = (
        end - start >= 3 and points[end - 1] == _DOT and points[end - 2] == _DOT and points[end - 3] == _DOT
    )
    found[4] += dots or points[end - 1] == _ELLIPSIS


@compiled
def _count_line_shapes(points, classes, doc_offsets, short_line_chars):
    found = np.zeros((len(doc_offsets) - 1, 4), np.int64)
    for d in range(len(doc_offsets) - 1):
        i, end = doc_offsets[d], doc_offsets[d + 1]
        while i < end:
            start, blank = i, True
            while i < end and points[i] != _NEWLINE:
                blank = blank and (classes[i] & SPACE) != 0
                i += 1
            if not blank:
                found[d, 0] += 1
                found[d, 1] += (classes[i - 1] & TERMINAL) != 0
                found[d, 2] += i - start <= short_line_chars
            found[d, 3] += i < end
            i += 1
    return found
