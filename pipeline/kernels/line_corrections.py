"""RefinedWeb's line corrections: lines that are menus, counters and buttons taken out of a text."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from pipeline.kernels.characters import BLOCK, Characters, beyond_ascii64, byte_at, longest_run, lowest, point_at
from pipeline.kernels.chunks import Chunks, count_having
from pipeline.kernels.classes import ALNUM, CAPITAL, DIGIT, MARK, NUMERAL, SPACE, UNSPACED
from pipeline.kernels.compiled import called, compiled, inlined
from pipeline.kernels.lines import Lines
from pipeline.kernels.machine import ones, paired64, trailing_zeros, within64
from pipeline.kernels.phrases import rarest_pair
from pipeline.kernels.pieces import Pieces, add_piece, strip_pieces

CAPITALS, NUMERALS, COUNTER, FEW_WORDS, PHRASE, EDITED, LINES, WORDS, WORDS_LEFT = range(9)
"""Columns of `CorrectedLines.counts`."""

_NEWLINE, _DOT, _COMMA, _UNDERSCORE, _KILO, _MEGA, _GIGA = 0x0A, 0x2E, 0x2C, 0x5F, 0x6B, 0x6D, 0x62
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
    counted, phrases = _packed((c.counted,)), _packed((c.anywhere, c.at_end, c.at_start))
    *pieces, counts = _correct_lines(
        data, *characters[:4], chunks.starts, chunks.kinds, chunks.doc_offsets,
        lines.starts, lines.ends, lines.seen, lines.doc_offsets, *limits, *counted[:2], *phrases,
    )  # fmt: skip
    return CorrectedLines(Pieces(*pieces), counts)


@cache
def _packed(groups: tuple[tuple[str, ...], ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Code points of all phrases, int64 where each ends (from 0), the number of the group of each, and two of ASCII's
    characters that stand side by side in it, whatever "." stands for: uint8[phrases, 2]; 0 and 0 where none do."""
    phrases = [(phrase.lower(), number) for number, group in enumerate(groups) for phrase in group if phrase]
    points = np.array([ord(c) for phrase, _ in phrases for c in phrase], np.int32)
    ends = np.cumsum([0, *(len(phrase) for phrase, _ in phrases)]).astype(np.int64)
    parts = [max(phrase.split("."), key=len) for phrase, _ in phrases]
    pairs = [rarest_pair(part.encode()) if len(part) > 1 and part.isascii() else bytes(2) for part in parts]
    packed = np.frombuffer(b"".join(pairs), np.uint8).reshape(-1, 2)
    return points, ends, np.array([number for _, number in phrases], np.int64), packed


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
                left = _cut_phrases(
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
        skip = _leading_spaces(codes, classes, places, low, left, edited) if n == first else 0
        if skip == left and n == first:
            continue
        counts[WORDS_LEFT] += alnum
        if edited:
            n = _add_runs(places, skip, left, starts, stops, broken, n, n > first)
        elif n > first and stops[n - 1] + 1 == low and codes[low - 1] == _NEWLINE:
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
        if length == high - noun and _matches(data, codes, byte_index, noun, counted, counted_ends[k], length):
            return True
    return False


@inlined
def _is_word_part(point, cls):
    return cls & ALNUM != 0 or point == _UNDERSCORE


@inlined
def _letter(data, codes, byte_index, i):
    """The code point of a character, ASCII's letters in lower case."""
    point = np.int32(codes[i])
    if point >= 0x80:
        point, _ = point_at(data, byte_at(codes, byte_index, i))
    return point | 0x20 if 0x41 <= point <= 0x5A else point


@inlined
def _matches(data, codes, byte_index, start, letters, first, length):
    for k in range(length):  # noqa: SIM110  numba compiles no generators into a caller
        if _letter(data, codes, byte_index, start + k) != letters[first + k]:
            return False
    return True


@called
def _cut_phrases(
    data, codes, classes, byte_index, low, high, places, letters, ends, groups, pairs, most_words
):  # fmt: skip
    """Put in `places` the characters of a line that are left without phrases; how many, 0 where only white
    space would be."""
    left = high - low
    found = False
    for k in range(len(groups)):
        if _has_pair(codes, low, high, pairs[k, 0], pairs[k, 1]):
            found = found or _occurs(data, codes, byte_index, low, high, letters, ends[k], ends[k + 1])
    if not found:
        return left
    for i in range(low, high):
        places[i - low] = i
    for k in range(len(groups)):
        before = left
        if _spaced_words(codes, classes, places, left) <= most_words:
            left = _cut_phrase(data, codes, classes, byte_index, places, left, letters, ends[k], ends[k + 1], groups[k])
        if before and _leading_spaces(codes, classes, places, 0, left, True) == left:
            return 0
    return left


@inlined
def _has_pair(codes, low, high, first, second):
    """Whether two of ASCII's characters stand side by side in the line, whatever their case; true of a pair of zeros.
    Some other pairs, and one that goes on beyond the line, are taken for it."""
    if first == 0:
        return True
    address, found = np.intp(codes.ctypes.data), np.uint64(0)
    for block in range(low, high, BLOCK):
        stands = paired64(address + block, first | _CASE, _CASE, second | _CASE, _CASE)
        found |= stands & lowest(high - block)
    return found != 0


@called
def _occurs(data, codes, byte_index, low, high, letters, first, after):
    """Whether the phrase is anywhere in the line."""
    for i in range(low, high - (after - first) + 1):
        k = first
        while k < after and _alike(data, codes, byte_index, i + k - first, letters[k]):
            k += 1
        if k == after:
            return True
    return False


@inlined
def _alike(data, codes, byte_index, i, letter):
    return letter == _DOT or _letter(data, codes, byte_index, i) == letter


@called
def _cut_phrase(data, codes, classes, byte_index, places, left, letters, first, after, group):
    """Cut one phrase out: everywhere, or only at the end (1) or the start (2) of what is left. One white space
    before it goes too (after it, at the start)."""
    length = after - first
    written = i = 0
    while i < left:
        space = 1 if group != 2 and classes[codes[places[i]]] & SPACE else 0
        for lead in range(space, -1, -1):  # with the white space, where there is some; else without
            start = i + lead
            fits = start + length <= left and (group != 1 or start + length == left) and (group != 2 or i == 0)
            k = 0
            while fits and k < length and _alike(data, codes, byte_index, places[start + k], letters[first + k]):
                k += 1
            if fits and k == length:
                i = start + length
                if group == 2 and i < left and classes[codes[places[i]]] & SPACE:
                    i += 1
                break
        else:
            places[written] = places[i]
            written += 1
            i += 1
    return written


@inlined
def _spaced_words(codes, classes, places, left):
    words, space = 0, True
    for k in range(left):
        is_space = classes[codes[places[k]]] & SPACE != 0
        words += space and not is_space
        space = is_space
    return words


@called
def _alnum_words(codes, classes, places, left):
    """Words that begin with a letter or digit among the characters left, as `_measure_line` counts them."""
    words = 0
    before = np.uint32(SPACE)
    for k in range(left):
        c = classes[codes[places[k]]]
        unspaced = (c | before) & UNSPACED and not c & MARK
        words += (before & SPACE or unspaced) and not c & SPACE and c & ALNUM != 0
        before = c
    return words


@inlined
def _leading_spaces(codes, classes, places, low, left, edited):
    k = 0
    while k < left and classes[codes[places[k] if edited else low + k]] & SPACE:
        k += 1
    return k
