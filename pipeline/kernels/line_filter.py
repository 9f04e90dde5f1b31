"""C4's corrections: lines removed and citations cut, straight from one UTF-8 buffer into another."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.kernels.characters import Characters
from pipeline.kernels.classes import LINE_END, SPACE
from pipeline.kernels.compiled import called, compiled, inlined
from pipeline.kernels.phrases import find_phrases, packed_phrases, phrase_at

LONG_WORD, NO_TERMINAL, FEW_WORDS, LOREM_IPSUM, JAVASCRIPT, CURLY_BRACKET, POLICY, LINES = range(8)
"""Columns of `FilteredLines.counts`."""

_NEWLINE, _CARRIAGE_RETURN, _DOT, _OPEN, _CLOSE, _CURLY, _ZERO, _NINE = (
    0x0A,
    0x0D,
    0x2E,
    0x5B,
    0x5D,
    0x7B,
    0x30,
    0x39,
)
_EDIT = np.array([ord(c) for c in "[edit]"], np.int32)
_CITATION_NEEDED = np.array([ord(c) for c in "[citation needed]"], np.int32)


class LineLimits(NamedTuple):
    """What a line must be to stay; the defaults of the paper stand in `pipeline.quality.c4`.

    Attributes:
        max_word_chars: Longest word, in characters.
        min_words: Fewest words between white space.
        terminal: Whether it must end in . ? ! " or ' and not in "...".
        citations: Whether [1], [edit] and [citation needed] are cut out.
        javascript: Whether a line with that word goes.
        policy: Whether a line with one of the policy phrases goes.
    """

    max_word_chars: int
    min_words: int
    terminal: bool
    citations: bool
    javascript: bool
    policy: bool


class FilteredLines(NamedTuple):
    """The lines kept, joined by newlines.

    Attributes:
        data: uint8[bytes], UTF-8.
        offsets: int64[documents + 1], bytes.
        counts: int64[documents, 8], lines removed by each cause (LONG_WORD .. POLICY; lines with "lorem
            ipsum" or a
            curly bracket are counted and stay) and LINES, all of them.
    """

    data: np.ndarray
    offsets: np.ndarray
    counts: np.ndarray


def filter_lines(data: np.ndarray, characters: Characters, limits: LineLimits, policy: Sequence[str]) -> FilteredLines:
    """Each document's lines (as `str.splitlines` cuts them, stripped) that `limits` let stay, the whole
    stripped.

    Phrases are found whatever the case of their ASCII letters. A line counts for the first cause that
    applies, in the order of the columns; words are counted before citations are cut.
    """
    phrases = ("lorem ipsum", "javascript", *policy)
    hits = find_phrases(data, byte_offsets(characters), phrases)
    return FilteredLines(*_filter_lines(data, *characters, *hits, *packed_phrases(phrases), *limits))


def byte_offsets(characters: Characters) -> np.ndarray:
    """int64[documents + 1]: byte where each document begins."""
    return characters.byte_starts[characters.doc_offsets].astype(np.int64)


@compiled
def _filter_lines(
    data, points, classes, byte_starts, doc_offsets, hit_starts, hit_phrases, letters, ends, anchors, here, after_here,
    max_word_chars, min_words, terminal, citations, javascript, policy,
):  # fmt: skip
    kept = np.empty(len(data) + 1, np.uint8)
    offsets = np.zeros(len(doc_offsets), np.int64)
    counts = np.zeros((len(doc_offsets) - 1, LINES + 1), np.int64)
    size = hit = 0
    for d in range(len(doc_offsets) - 1):
        i, end = doc_offsets[d], doc_offsets[d + 1]
        doc_start = solid = size  # `solid`: where the last character that is not white space ends
        while i < end:
            start = i
            while i < end and not classes[i] & LINE_END:
                i += 1
            low, high = _strip(classes, start, i)
            if i + 1 < end and points[i] == _CARRIAGE_RETURN and points[i + 1] == _NEWLINE:
                i += 1
            i += 1
            counts[d, LINES] += 1
            words, longest, brackets, curly = _measure_line(points, classes, low, high, max_word_chars)
            seen = 0
            while hit < len(hit_starts) and hit_starts[hit] < byte_starts[high]:
                seen |= 1 << min(hit_phrases[hit], 2)
                hit += 1
            line = size
            if size > doc_start:
                kept[size] = _NEWLINE
                line += 1
            if citations and brackets:
                seen = 0
                after, line_solid = _copy_uncited(
                    data, points, classes, byte_starts, low, high, kept, line, line == doc_start
                )
                for k in range(line, after):
                    if here[kept[k]]:
                        seen |= _phrases_around(kept, line, k, after, letters, ends, anchors)
            else:
                after = line_solid = _copy(data, byte_starts, low, high, kept, line)
            cause = -1
            if longest > max_word_chars:
                cause = LONG_WORD
            elif terminal and not _ends_well(kept, line, after):
                cause = NO_TERMINAL
            elif words < min_words:
                cause = FEW_WORDS
            else:
                cause = _phrase_cause(seen, curly, javascript, policy)
            if cause >= 0:
                counts[d, cause] += 1
            if cause < 0 or cause in (LOREM_IPSUM, CURLY_BRACKET):
                size = after
                solid = line_solid if line_solid > line else solid
        size = solid
        offsets[d + 1] = size
    return kept[:size].copy(), offsets, counts


@inlined
def _strip(classes, low, high):
    while low < high and classes[low] & SPACE:
        low += 1
    while high > low and classes[high - 1] & SPACE:
        high -= 1
    return low, high


@inlined
def _measure_line(points, classes, low, high, max_word_chars):
    """Words between white space, the longest one's length (0 where none can be too long), opening brackets, whether
    there is an opening curly one. Without branches where it is hot."""
    words = brackets = curly = np.int64(0)
    before = np.uint32(SPACE)
    for i in range(low, high):
        c, point = classes[i], points[i]
        words += np.int64(before & ~c & np.uint32(SPACE))
        brackets += point == _OPEN
        curly += point == _CURLY
        before = c
    return words, _longest_word(classes, low, high) if high - low > max_word_chars else 0, brackets, curly > 0


@called
def _longest_word(classes, low, high):
    longest = run = 0
    for i in range(low, high):
        run = 0 if classes[i] & SPACE else run + 1
        longest = max(longest, run)
    return longest


@inlined
def _copy(data, byte_starts, low, high, kept, size):
    for i in range(byte_starts[low], byte_starts[high]):
        kept[size] = data[i]
        size += 1
    return size


@called
def _copy_uncited(data, points, classes, byte_starts, low, high, kept, size, leads):
    """Copy without citations (and, where the line leads its document, without white space before the first
    character); where the copy ends, and where its last character that is not white space does."""
    solid = size
    i = low
    while i < high:
        skip = _citation_length(points, i, high)
        if skip:
            i += skip
            continue
        space = classes[i] & SPACE
        if not (leads and space):
            size = _copy(data, byte_starts, i, i + 1, kept, size)
            leads = False
        if not space:
            solid = size
        i += 1
    return size, solid


@inlined
def _citation_length(points, i, high):
    """Length of [12], [], [edit] or [citation needed] at `i`; 0 for none."""
    if points[i] != _OPEN:
        return 0
    close = i + 1
    while close < high and _ZERO <= points[close] <= _NINE:
        close += 1
    if close < high and points[close] == _CLOSE:
        return close - i + 1
    return max(_length_if_at(points, i, high, _EDIT), _length_if_at(points, i, high, _CITATION_NEEDED))


@inlined
def _length_if_at(points, i, high, phrase):
    if i + len(phrase) > high:
        return 0
    for k in range(len(phrase)):
        if points[i + k] != phrase[k]:
            return 0
    return len(phrase)


@inlined
def _ends_well(kept, line, after):
    """Ends in . ? ! " or ', and not in three full stops."""
    if after == line:
        return False
    last = kept[after - 1]
    if last == _DOT:
        return not (after - line >= 3 and kept[after - 2] == _DOT and kept[after - 3] == _DOT)
    return last == 0x3F or last == 0x21 or last == 0x22 or last == 0x27


@inlined
def _phrase_cause(seen, curly, javascript, policy):
    """The first cause among LOREM_IPSUM, JAVASCRIPT, CURLY_BRACKET and POLICY; -1 for none. `seen`: 1 for lorem ipsum,
    2 for javascript, 4 for a policy phrase."""
    if seen & 1:
        return LOREM_IPSUM
    if javascript and seen & 2:
        return JAVASCRIPT
    if curly:
        return CURLY_BRACKET
    return POLICY if policy and seen & 4 else -1


@called
def _phrases_around(kept, line, at, after, letters, ends, anchors):
    """Which phrases have their anchor at a byte, within a line."""
    seen = 0
    for p in range(len(anchors)):
        first = at - anchors[p]
        if first >= line and phrase_at(kept, first, after, letters, ends, p):
            seen |= 1 << min(p, 2)
    return seen
