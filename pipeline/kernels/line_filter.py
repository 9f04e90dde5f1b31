"""C4's corrections: which stretches of a text stay when lines are removed and citations cut."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.kernels.characters import Characters, byte_at, copy
from pipeline.kernels.chunks import Chunks
from pipeline.kernels.classes import LINE_END, SPACE
from pipeline.kernels.compiled import called, compiled, inlined
from pipeline.kernels.lines import NEWLINE, Lines, strip
from pipeline.kernels.phrases import find_phrases, packed_phrases, phrase_at
from pipeline.kernels.pieces import Pieces, add_piece, strip_pieces

LONG_WORD, NO_TERMINAL, FEW_WORDS, LOREM_IPSUM, JAVASCRIPT, CURLY_BRACKET, POLICY, LINES = range(8)
"""Columns of `FilteredLines.counts`."""

_CARRIAGE_RETURN, _DOT, _OPEN, _CLOSE, _ZERO, _NINE = 0x0D, 0x2E, 0x5B, 0x5D, 0x30, 0x39
_EDIT = np.frombuffer(b"[edit]", np.uint8)
_CITATION_NEEDED = np.frombuffer(b"[citation needed]", np.uint8)
_SOUGHT = ("lorem ipsum", "javascript", "{", "[")
"""What is looked for besides policy phrases; bit k of `seen` is the k-th, and the next one any of those."""
_POLICY = len(_SOUGHT)
_SEEN_LOREM_IPSUM, _SEEN_JAVASCRIPT, _SEEN_CURLY, _SEEN_OPEN, _SEEN_POLICY = (1 << k for k in range(_POLICY + 1))


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
        pieces: What stays of the texts.
        counts: int64[documents, 8], lines removed by each cause (LONG_WORD .. POLICY; lines with "lorem ipsum" or a
            curly bracket are counted and stay) and LINES, all of them.
    """

    pieces: Pieces
    counts: np.ndarray


def filter_lines(
    data: np.ndarray,
    offsets: np.ndarray,
    characters: Characters,
    chunks: Chunks,
    lines: Lines,
    limits: LineLimits,
    policy: Sequence[str],
) -> FilteredLines:
    """Each document's lines (as `str.splitlines` cuts them, stripped) that `limits` let stay, the whole
    stripped.

    Phrases are found whatever the case of their ASCII letters. A line counts for the first cause that
    applies, in the order of the columns; words are counted before citations are cut. `data`: uint8, the UTF-8 decoded,
    and `offsets`: int64[documents + 1], where documents end in it.
    """
    phrases = (*_SOUGHT, *policy)
    hits = find_phrases(data, offsets, phrases)
    packed = packed_phrases(phrases)
    longest = int((lines.ends - lines.starts).max(initial=0))
    *pieces, counts = _filter_lines(
        data, *characters[:4], chunks.starts, chunks.ends, chunks.doc_offsets,
        lines.starts, lines.ends, lines.seen, lines.doc_offsets, *hits, *packed[:2], longest, *limits,
    )  # fmt: skip
    return FilteredLines(Pieces(*pieces), counts)


@compiled
def _filter_lines(
    data, codes, classes, byte_index, doc_offsets, chunk_starts, chunk_ends, chunk_offsets,
    line_starts, line_ends, line_seen, line_offsets, hit_starts, hit_phrases, letters, ends, longest_line,
    max_word_chars, min_words, terminal, citations, javascript, policy,
):  # fmt: skip
    most = len(codes) + len(doc_offsets)  # only the pages of memory that are written to are ever taken
    starts, stops, broken = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.bool_)
    piece_offsets = np.zeros(len(doc_offsets), np.int64)
    counts = np.zeros((len(doc_offsets) - 1, LINES + 1), np.int64)
    uncited = np.empty(4 * longest_line + 8, np.uint8)
    n = hit = 0
    for d in range(len(doc_offsets) - 1):
        k, after, line, last = chunk_offsets[d], chunk_offsets[d + 1], line_offsets[d], line_offsets[d + 1]
        n, hit = _filter_document(
            data, codes, classes, byte_index, chunk_starts[k:after], chunk_ends[k:after],
            line_starts[line:last], line_ends[line:last], line_seen[line:last], hit_starts, hit_phrases, hit,
            letters, ends, uncited, starts, stops, broken, n, counts[d],
            max_word_chars, min_words, terminal, citations, javascript, policy,
        )  # fmt: skip
        piece_offsets[d + 1] = n
    return starts[:n].copy(), stops[:n].copy(), broken[:n].copy(), piece_offsets, counts


@called
def _filter_document(
    data, codes, classes, byte_index, chunk_starts, chunk_ends,
    line_starts, line_ends, line_seen, hit_starts, hit_phrases, hit,
    letters, ends, uncited, starts, stops, broken, n, counts,
    max_word_chars, min_words, terminal, citations, javascript, policy,
):  # fmt: skip
    """Write one document's pieces after the first `n`; how many there are then, and the next document's first hit."""
    k, first = 0, n
    for line in range(len(line_starts)):
        i, line_end, last_line = line_starts[line], line_ends[line], line + 1 == len(line_starts)
        while i < line_end or not last_line:  # what follows the last line end is a line only where it is not empty
            end = _next_end(codes, classes, i, line_end) if line_seen[line] & LINE_END else line_end
            low, high = strip(codes, classes, i, end)
            counts[LINES] += 1
            words, longest, k = _count_words(chunk_starts, chunk_ends, k, high)
            seen, hit = _phrases_before(hit_starts, hit_phrases, hit, byte_at(codes, byte_index, high))
            before, cited = n, citations and seen & _SEEN_OPEN
            if cited:
                n = _cut_citations(codes, classes, low, high, starts, stops, broken, n, first)
            else:
                n = add_piece(starts, stops, broken, n, low, high, n > first)
            cited = cited and not (n == before + 1 and starts[before] == low and stops[before] == high)
            if cited:
                size = _join(data, codes, byte_index, starts, stops, before, n, uncited)
                seen = _phrases_in(uncited, size, letters, ends)
                ends_well = _ends_well(uncited, np.int64(0), size)
            else:
                ends_well = _ends_well(data, byte_at(codes, byte_index, low), byte_at(codes, byte_index, high))
            cause = _cause(longest > max_word_chars, terminal and not ends_well, words < min_words)
            if cause < 0:
                cause = _phrase_cause(seen, javascript, policy)
            if cause >= 0:
                counts[cause] += 1
            if cause >= 0 and cause != LOREM_IPSUM and cause != CURLY_BRACKET:
                n = before
            elif n == first + 1 and starts[first] == stops[first]:
                n = first  # nothing yet: no newline either
            elif not cited and before > first and _follows(codes, stops[before - 1], low):
                stops[before - 1] = high  # as it stood: one piece with the line before
                n = before
            i = end + 1
            if i > line_end or (i == line_end and not last_line and codes[end] == _CARRIAGE_RETURN):
                break
    return strip_pieces(codes, classes, starts, stops, first, n), hit


@inlined
def _count_words(starts, ends, k, high):
    """Chunks from `k` on that begin before character `high`: how many, the longest one's length, the next one."""
    longest, first = np.int64(0), k
    while k < len(starts) and starts[k] < high:
        longest = max(longest, np.int64(ends[k] - starts[k]))
        k += 1
    return k - first, longest, k


@inlined
def _phrases_before(starts, phrases, hit, after):
    """What was found from hit `hit` on before byte `after`, and the next hit."""
    seen = 0
    while hit < len(starts) and starts[hit] < after:
        seen |= 1 << min(phrases[hit], _POLICY)
        hit += 1
    return seen, hit


@inlined
def _follows(codes, stop, low):
    """Whether a line begins where the one before it ended, a newline between."""
    return stop + 1 == low and codes[stop] == NEWLINE


@inlined
def _next_end(codes, classes, i, line_end):
    """The next line end of any kind."""
    while i < line_end and not classes[codes[i]] & LINE_END:
        i += 1
    return i


@called
def _cut_citations(codes, classes, low, high, starts, stops, broken, n, first):
    """Write a line's pieces without citations (and, where nothing of the document comes before, without white space
    before the first character); how many there are then. An empty line is one empty piece."""
    leads, before, i = n == first, n, low
    start = low
    while i <= high:
        skip = _citation_length(codes, i, high) if i < high else 1
        if skip:
            if leads:
                while start < i and classes[codes[start]] & SPACE:
                    start += 1
            if start < i:
                n = add_piece(starts, stops, broken, n, start, i, n == before and n > first)
                leads = False
            start = i + skip
        i += max(skip, 1)
    return n if n > before else add_piece(starts, stops, broken, n, low, low, n > first)


@called
def _join(data, codes, byte_index, starts, stops, before, n, target):
    """Copy the bytes of a line's pieces to the front of an array; how many."""
    size = np.int64(0)
    for piece in range(before, n):
        low, high = byte_at(codes, byte_index, starts[piece]), byte_at(codes, byte_index, stops[piece])
        copy(data[low:high], target[size : size + high - low])
        size += high - low
    return size


@called
def _phrases_in(text, size, letters, ends):
    """Which phrases are in the first bytes of an array."""
    seen = 0
    for p in range(len(ends) - 1):
        for i in range(size):
            if phrase_at(text, i, size, letters, ends, p):
                seen |= 1 << min(p, _POLICY)
                break
    return seen


@inlined
def _citation_length(codes, i, high):
    """Length of [12], [], [edit] or [citation needed] at `i`; 0 for none."""
    if codes[i] != _OPEN:
        return 0
    close = i + 1
    while close < high and _ZERO <= codes[close] <= _NINE:
        close += 1
    if close < high and codes[close] == _CLOSE:
        return close - i + 1
    return max(_length_if_at(codes, i, high, _EDIT), _length_if_at(codes, i, high, _CITATION_NEEDED))


@inlined
def _length_if_at(codes, i, high, phrase):
    if i + len(phrase) > high:
        return 0
    for k in range(len(phrase)):
        if codes[i + k] != phrase[k]:
            return 0
    return len(phrase)


@inlined
def _ends_well(text, begun, after):
    """Ends in . ? ! " or ', and not in three full stops."""
    if after == begun:
        return False
    last = text[after - 1]
    if last == _DOT:
        return not (after - begun >= 3 and text[after - 2] == _DOT and text[after - 3] == _DOT)
    return last == 0x3F or last == 0x21 or last == 0x22 or last == 0x27


@inlined
def _cause(long_word, no_terminal, few_words):
    if long_word:
        return LONG_WORD
    if no_terminal:
        return NO_TERMINAL
    return FEW_WORDS if few_words else -1


@inlined
def _phrase_cause(seen, javascript, policy):
    """The first cause among LOREM_IPSUM, JAVASCRIPT, CURLY_BRACKET and POLICY; -1 for none."""
    if seen & _SEEN_LOREM_IPSUM:
        return LOREM_IPSUM
    if javascript and seen & _SEEN_JAVASCRIPT:
        return JAVASCRIPT
    if seen & _SEEN_CURLY:
        return CURLY_BRACKET
    return POLICY if policy and seen & _SEEN_POLICY else -1
