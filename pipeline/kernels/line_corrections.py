"""RefinedWeb's line corrections: lines that are menus, counters and buttons taken out of a text."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.kernels.characters import BLOCK, Characters, beyond_ascii64, longest_run, lowest
from pipeline.kernels.chunks import Chunks, count_having
from pipeline.kernels.classes import ALNUM, CAPITAL, DIGIT, MARK, NUMERAL, SPACE, UNSPACED
from pipeline.kernels.compiled import called, compiled, inlined
from pipeline.kernels.line_phrases import cut_phrases, leading_spaces, matches, pack_phrases
from pipeline.kernels.lines import NEWLINE, Lines
from pipeline.kernels.machine import ones, trailing_zeros, within64
from pipeline.kernels.pieces import Pieces, add_piece, strip_pieces

CAPITALS, NUMERALS, COUNTER, FEW_WORDS, PHRASE, EDITED, LINES, WORDS, WORDS_LEFT = range(9)
"""Columns of `CorrectedLines.counts`."""

_DOT, _COMMA, _UNDERSCORE, _KILO, _MEGA, _GIGA = 0x2E, 0x2C, 0x5F, 0x6B, 0x6D, 0x62
_CASE = np.uint8(0x20)
_ONE = np.uint64(1)


class Corrections(NamedTuple):
    """What a line must be to stay, and what is cut out of one; defaults stand in `pipeline.quality.lines`.

    Attributes:
        max_capital_frac: Share of capitals above which a line goes; 1 for never.
        max_numeral_frac: Share of digits above which a line goes; 1 for never.
        min_words: Fewest words of a line that is not empty.
        phrase_words: Phrases are looked for in lines of at most so many words.
        counted: What a counter counts ("3 likes"), lower case.
        anywhere, at_start, at_end: Phrases to cut out, lower case; "." stands for any character.
    """

    max_capital_frac: float
    max_numeral_frac: float
    min_words: int
    phrase_words: int
    counted: tuple[str, ...]
    anywhere: tuple[str, ...]
    at_start: tuple[str, ...]
    at_end: tuple[str, ...]


class CorrectedLines(NamedTuple):
    """What stays of the texts.

    Attributes:
        pieces: The stretches that stay.
        counts: int64[documents, 9]: lines removed by each cause (CAPITALS..PHRASE), lines that lost a phrase
            (EDITED), all lines, words before and words left.
    """

    pieces: Pieces
    counts: np.ndarray


def correct_lines(
    data: np.ndarray, characters: Characters, chunks: Chunks, lines: Lines, corrections: Corrections
) -> CorrectedLines:
    """Each document's lines (between newlines) that stay, joined by newlines, the whole stripped.

    Causes are tried in the order of the columns. Words for `min_words` stand between white space; those of
    WORDS and WORDS_LEFT begin with a letter or digit too. Every letter of an unspaced script (Han, Thai...) is
    a word by itself. `data`: uint8, the UTF-8 decoded.
    """
    c = corrections
    limits = (c.max_capital_frac, c.max_numeral_frac, c.min_words, c.phrase_words)
    counted, phrases = pack_phrases((c.counted,)), pack_phrases((c.anywhere, c.at_end, c.at_start))
    *pieces, counts = _correct_lines(
        data, *characters[:4], chunks.starts, chunks.kinds, chunks.doc_offsets,
        lines.starts, lines.ends, lines.seen, lines.doc_offsets, *limits, *counted[:2], *phrases,
    )  # fmt: skip
    return CorrectedLines(Pieces(*pieces), counts)


@compiled
def _correct_lines(
    data, codes, classes, byte_index, doc_offsets, chunk_starts, chunk_kinds, chunk_offsets,
    line_starts, line_ends, line_seen, line_offsets,
    max_capital_frac, max_numeral_frac, min_words, phrase_words,
    counted, counted_ends, letters, ends, groups, pairs,
):  # fmt: skip
    most = len(codes) + len(doc_offsets)  # only the pages of memory that are written to are ever taken
    starts, stops, broken = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.bool_)
    piece_offsets = np.zeros(len(doc_offsets), np.int64)
    counts = np.zeros((len(doc_offsets) - 1, WORDS_LEFT + 1), np.int64)
    places = np.empty(longest_run(doc_offsets) + 1, np.int64)
    n = 0
    for d in range(len(doc_offsets) - 1):
        k, after, line, last = chunk_offsets[d], chunk_offsets[d + 1], line_offsets[d], line_offsets[d + 1]
        if doc_offsets[d + 1] > doc_offsets[d]:  # an empty text has no line
            n = _correct_document(
                data, codes, classes, byte_index, chunk_starts[k:after], chunk_kinds[k:after],
                line_starts[line:last], line_ends[line:last], line_seen[line:last],
                max_capital_frac, max_numeral_frac, min_words, phrase_words,
                counted, counted_ends, letters, ends, groups, pairs, places, starts, stops, broken, n, counts[d],
            )  # fmt: skip
        piece_offsets[d + 1] = n
    return starts[:n].copy(), stops[:n].copy(), broken[:n].copy(), piece_offsets, counts


@called
def _correct_document(
    data, codes, classes, byte_index, chunk_starts, chunk_kinds, line_starts, line_ends, line_seen,
    max_capital_frac, max_numeral_frac, min_words, phrase_words,
    counted, counted_ends, letters, ends, groups, pairs, places, starts, stops, broken, n, counts,
):  # fmt: skip
    """Write one document's pieces after the first `n`; how many there are then."""
    k, first = 0, n
    for line in range(len(line_starts)):
        low, high = line_starts[line], line_ends[line]
        before = k
        while k < len(chunk_starts) and chunk_starts[k] < high:
            k += 1
        words, alnum = k - before, count_having(chunk_kinds, before, k, ALNUM)
        if line_seen[line] & UNSPACED:
            words, alnum = _count_words(codes, classes, low, high)
        counts[LINES] += 1
        counts[WORDS] += alnum
        left = -1  # characters left where phrases were looked for
        if high > low:
            capitals, numerals = np.int64(0), np.int64(0)
            if line_seen[line] & (CAPITAL | NUMERAL):
                capitals, numerals = _count_kinds(codes, classes, low, high)
            cause = _cause(data, codes, classes, byte_index, low, high, words, capitals, numerals,
                           max_capital_frac, max_numeral_frac, min_words, counted, counted_ends)  # fmt: skip
            if cause < 0 and words <= phrase_words and len(groups):
                left = cut_phrases(
                    data, codes, classes, byte_index, low, high, places, letters, ends, groups, pairs, phrase_words
                )
                cause = PHRASE if left == 0 else -1
            if cause >= 0:
                counts[cause] += 1
                continue
        edited = 0 <= left < high - low
        if edited:
            counts[EDITED] += 1
            alnum = _alnum_words(codes, classes, places, left)
        else:
            left = high - low
        skip = leading_spaces(codes, classes, places, low, left, edited) if n == first else 0
        if skip == left and n == first:
            continue
        counts[WORDS_LEFT] += alnum
        if edited:
            n = _add_runs(places, skip, left, starts, stops, broken, n, n > first)
        elif n > first and stops[n - 1] + 1 == low and codes[low - 1] == NEWLINE:
            stops[n - 1] = high  # as it stood: one piece with the line before
        else:
            n = add_piece(starts, stops, broken, n, low + skip, high, n > first)
    return strip_pieces(codes, classes, starts, stops, first, n)


@called
def _add_runs(places, skip, left, starts, stops, broken, n, after_newline):
    """Write the characters `places[skip:left]`, a piece for each run; how many pieces there are then."""
    begun, before = skip, n
    for k in range(skip, left):
        if k + 1 == left or places[k + 1] != places[k] + 1:
            n = add_piece(starts, stops, broken, n, places[begun], places[k] + 1, after_newline and n == before)
            begun = k + 1
    return n


@called
def _count_kinds(codes, classes, low, high):
    """Capitals and digits: ASCII's a block at a time."""
    address, capitals, numerals = np.intp(codes.ctypes.data), np.int64(0), np.int64(0)
    for block in range(low, high, BLOCK):
        at, live = address + block, lowest(high - block)
        capitals += np.int64(ones(within64(at, np.uint8(0x41), np.uint8(26)) & live))
        numerals += np.int64(ones(within64(at, np.uint8(0x30), np.uint8(10)) & live))
        beyond = beyond_ascii64(at) & live
        while beyond:
            c = classes[codes[block + np.int64(trailing_zeros(beyond))]]
            capitals += c & CAPITAL != 0
            numerals += c & NUMERAL != 0
            beyond &= beyond - _ONE
    return capitals, numerals


@called
def _count_words(codes, classes, low, high):
    """Words and words that begin with a letter or digit, where every letter of an unspaced script is one."""
    words = alnum = np.int64(0)
    before = np.uint32(SPACE)
    for i in range(low, high):
        c = classes[codes[i]]
        begins = (before & SPACE or ((c | before) & UNSPACED and not c & MARK)) and not c & SPACE
        words += begins
        alnum += begins and c & ALNUM != 0
        before = c
    return words, alnum


@inlined
def _cause(data, codes, classes, byte_index, low, high, words, capitals, numerals,
           max_capital_frac, max_numeral_frac, min_words, counted, counted_ends):  # fmt: skip
    """Why the line goes, phrases apart; -1 where it stays."""
    if capitals / (high - low) > max_capital_frac:
        return CAPITALS
    if numerals / (high - low) > max_numeral_frac:
        return NUMERALS
    if numerals and _is_counter(data, codes, classes, byte_index, low, high, counted, counted_ends):
        return COUNTER
    return FEW_WORDS if words < min_words else -1


@called
def _is_counter(data, codes, classes, byte_index, low, high, counted, counted_ends):
    """A number (1,234 or 1.2k) and what it counts, and no other letter or digit."""
    i = low
    while i < high and not _is_word_part(codes[i], classes[codes[i]]):
        i += 1
    if i == high or not classes[codes[i]] & DIGIT:
        return False
    while i < high and (classes[codes[i]] & DIGIT or codes[i] == _COMMA or codes[i] == _DOT):
        i += 1
    if i < high and (codes[i] | _CASE) in (_KILO, _MEGA, _GIGA):
        i += 1
    noun = i
    while noun < high and classes[codes[noun]] & SPACE:
        noun += 1
    if noun == i:
        return False
    while high > noun and not _is_word_part(codes[high - 1], classes[codes[high - 1]]):
        high -= 1
    for k in range(len(counted_ends) - 1):
        length = counted_ends[k + 1] - counted_ends[k]
        if length == high - noun and matches(data, codes, byte_index, noun, counted, counted_ends[k], length):
            return True
    return False


@inlined
def _is_word_part(point, cls):
    return cls & ALNUM != 0 or point == _UNDERSCORE


@called
def _alnum_words(codes, classes, places, left):
    """Words that begin with a letter or digit among the characters left, as `_count_words` counts them."""
    words = 0
    before = np.uint32(SPACE)
    for k in range(left):
        c = classes[codes[places[k]]]
        unspaced = (c | before) & UNSPACED and not c & MARK
        words += (before & SPACE or unspaced) and not c & SPACE and c & ALNUM != 0
        before = c
    return words
