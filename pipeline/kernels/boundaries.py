"""Where words begin inside a run of characters without white space: punctuation peeled off, compounds cut.

The rules are spaCy's rule-based English tokeniser (prefixes, suffixes, infixes, clitics, abbreviations, URLs
kept whole) written over character classes, because FineWeb's filters count its tokens; see docs of
`find_words` for what is ours. Every function takes the characters' `codes` and `classes`, and marks
`breaks[i] = 1` where a word begins, counted from the chunk's first character; `breaks` goes on for AT_ONCE more.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np

from pipeline.kernels.characters import classes_between
from pipeline.kernels.classes import (
    ALNUM,
    ALPHA,
    BEFORE_STOP,
    BLANK,
    CAPITAL,
    CURRENCY,
    DIGIT,
    ELLIPSIS,
    HOST_PART,
    HYPHEN,
    ICON,
    LACKS_PUNCTUATION,
    LACKS_SPACE,
    LACKS_SYMBOL,
    LOWER,
    MARK,
    NUMERAL,
    PLAIN_ENGLISH,
    PREFIX,
    QUOTE,
    RIGHT_QUOTE,
    SUFFIX,
    TERMINAL,
    UNSPACED,
    UPPER,
    URL_PART,
    WIDE,
)
from pipeline.kernels.compiled import called, inlined
from pipeline.kernels.hashing import has_slot, low_bytes, slots_of
from pipeline.kernels.machine import load64, trailing_zeros, within64
from pipeline.kernels.weblike import is_weblike

ABBREVIATIONS = """
a.m. p.m. e.g. E.g. E.G. i.e. I.e. I.E. vs. v.s. Adm. Bros. co. Co. Corp. D.C. Dr. Gen. Gov. Inc. Jr. Ltd.
Messrs. Mr. Mrs. Ms. Mt. Ph.D. Prof. Rep. Rev. Sen. St. Jan. Feb. Mar. Apr. Jun. Jul. Aug. Sep. Sept. Oct.
Nov. Dec. Ak. Ala. Ariz. Ark. Calif. Colo. Conn. Del. Fla. Ga. Ia. Id. Ill. Ind. Kan. Kans. Ky. La. Mass. Md.
Mich. Minn. Miss. Mo. Mont. N.C. N.D. N.H. N.J. N.M. N.Y. Neb. Nebr. Nev. Okla. Ore. Pa. S.C. Tenn. Va. Wash.
Wis. a. b. c. d. e. f. g. h. i. j. k. l. m. n. o. p. q. r. s. t. u. v. w. x. y. z.
"""
"""Words that keep their full stop (spaCy's English list)."""

UNITS = """
km m dm cm mm ha nm yd in ft kg g mg t lb oz m/s km/h kmh mph hPa Pa mbar mb MB kb KB gb GB tb TB T G M K %
"""
"""Units cut off the number they follow: 5km, 10%."""

MAX_PACKED = 8


_ABBREVIATIONS, _FACTOR, _SHIFT = slots_of(word.encode() for word in ABBREVIATIONS.split())
_UNITS, _UNITS_FACTOR, _UNITS_SHIFT = slots_of(word.encode() for word in UNITS.split())

_DOT, _COMMA, _PLUS, _MINUS, _APOSTROPHE = 0x2E, 0x2C, 0x2B, 0x2D, 0x27
_OPERATORS = (_PLUS, _MINUS, 0x2A, 0x5E)  # + - * ^
_RELATIONS = (0x3A, 0x3C, 0x3E, 0x3D, 0x2F)  # : < > = /
_LETTER = ALPHA | MARK
_LACKS = LACKS_SYMBOL | LACKS_PUNCTUATION | LACKS_SPACE
_ELSEWHERE = CAPITAL | NUMERAL | ALNUM | PLAIN_ENGLISH | BLANK | URL_PART | HOST_PART | WIDE | _LACKS  # for others
_PLAIN = _LETTER | LOWER | UPPER | UNSPACED | BEFORE_STOP | _ELSEWHERE  # a chunk of these alone is one word
_NOT_PLAIN = np.uint32(~_PLAIN & 0xFFFFFFFF)


NOT_SIMPLE, ONE_WORD, WORD_AND_MARK = range(3)
"""What `simple_shape` says of a chunk; of a simple one, how many words it is."""


@inlined
def simple_shape(codes, classes, start, end, seen):
    """Whether a chunk is one plain word or a number, with at most one mark after it, as nearly all are.

    `seen` are the classes of all its characters but the last. What is not simple `mark_chunk` must look at.
    """
    before, last = end - 1, classes[codes[end - 1]]
    if before == start:
        return ONE_WORD
    if (seen & (_NOT_PLAIN & ~np.uint32(DIGIT) | UNSPACED)) or last & UNSPACED:
        return NOT_SIMPLE
    if last & _NOT_PLAIN == 0:
        return NOT_SIMPLE if seen & DIGIT else ONE_WORD  # 5km
    if last & DIGIT:
        return ONE_WORD
    if seen & DIGIT and not classes[codes[before - 1]] & DIGIT:
        return NOT_SIMPLE
    if last & SUFFIX:
        return WORD_AND_MARK
    if codes[before] != _DOT:
        return NOT_SIMPLE
    stop = classes[codes[before - 1]] & BEFORE_STOP and not _is_abbreviation(codes, start, end)
    return WORD_AND_MARK if stop else NOT_SIMPLE


@called
def mark_chunk(codes, classes, start, end, breaks):
    """Mark every word's first character in the chunk `start..end`, which holds no white space: `breaks[0]` is the
    chunk's first, and all are 0 before."""
    breaks[0] = 1
    low, high = _peel(codes, classes, start, end, breaks)
    core = classes_between(codes, classes, low, high)
    if core & _NOT_PLAIN:
        _mark_core(codes, classes, start, low, high, core, breaks)
    if (core | classes_between(codes, classes, start, low) | classes_between(codes, classes, high, end)) & UNSPACED:
        _mark_unspaced(codes, classes, start, end, breaks)


@called
def _peel(codes, classes, start, end, breaks):
    """Cut prefixes and suffixes off, marking each; what remains between them."""
    low, high = start, end
    while low < high:
        if _is_abbreviation(codes, low, high):
            break
        prefix = _prefix_length(codes, classes, low, high)
        if prefix and _is_abbreviation(codes, low + prefix, high):
            low += prefix
            breaks[low - start] = 1
            break
        suffix = _suffix_length(codes, classes, low + prefix, high)
        if prefix + suffix == 0:
            break
        low += prefix
        high -= suffix
        if low < high or suffix:
            breaks[low - start] = 1
        if suffix:
            breaks[high - start] = 1
    return low, high


@inlined
def _prefix_length(codes, classes, low, high):
    if classes[codes[low]] & PREFIX:
        return 1
    if codes[low] == _PLUS:
        return 0 if low + 1 < high and classes[codes[low + 1]] & DIGIT else 1
    run = _dots_from(codes, low, high)
    return run if run > 1 else 0


@inlined
def _suffix_length(codes, classes, low, high):
    if low >= high:
        return 0
    last = codes[high - 1]
    before = classes[codes[high - 2]] if high - 2 >= low else np.uint32(0)
    if last == _DOT:
        run = 1
        while high - run > low and codes[high - run - 1] == _DOT:
            run += 1
        if run > 1:
            return run
        both_upper = before & UPPER and high - 3 >= low and classes[codes[high - 3]] & UPPER
        return 1 if before & BEFORE_STOP or both_upper else 0
    if classes[codes[high - 1]] & SUFFIX:
        return 1
    if (last | 0x20) == 0x73 and high - 2 >= low and _is_apostrophe(codes[high - 2]):
        return 2
    if before & DIGIT and (last == _PLUS or classes[codes[high - 1]] & CURRENCY):
        return 1
    return _unit_length(codes, classes, low, high)


@inlined
def _unit_length(codes, classes, low, high):
    """Length of the unit that ends at `high` and follows a digit; the longest, 0 for none."""
    if not classes_between(codes, classes, max(low, high - 5), high) & DIGIT:
        return 0
    packed = np.uint64(0)
    found = 0
    for length in range(1, 5):
        i = high - length
        if i - 1 < low or not 0x20 < codes[i] < 0x80 or classes[codes[i]] & DIGIT:
            break
        packed = packed << np.uint64(8) | np.uint64(codes[i])
        if classes[codes[i - 1]] & DIGIT and has_slot(_UNITS, _UNITS_FACTOR, _UNITS_SHIFT, packed):
            found = length
    return found


@called
def _mark_core(codes, classes, start, low, high, seen, breaks):
    """Clitics and compounds of what is left when the edges are peeled. `seen`: the classes of its characters."""
    dotted = seen & TERMINAL  # a full stop is one
    if dotted and (_is_abbreviation(codes, low, high) or is_weblike(codes, classes, low, high)):
        return
    clitic = _clitic_length(codes, classes, low, high)
    if clitic:
        breaks[high - clitic - start] = 1
        return
    i = low + 1 + _letters_from(codes, low + 1)
    while i < high:
        length = _infix_length(codes, classes, i, low, high)
        if length:
            breaks[i - start] = 1
            if i + length < high:
                breaks[i + length - start] = 1
        i += max(length, 1)
        i += _letters_from(codes, i)


@inlined
def _letters_from(codes, i):
    """How many of ASCII's letters, up to a block, stand from character `i` on: no joint is one."""
    at = np.intp(codes.ctypes.data) + i
    letters = within64(at, np.uint8(0x41), np.uint8(26)) | within64(at, np.uint8(0x61), np.uint8(26))
    return np.int64(trailing_zeros(~letters))


@inlined
def _infix_length(codes, classes, i, low, high):
    """Length of the joint between two parts of a compound that begins at `i`; 0 for none."""
    point = codes[i]
    if classes[codes[i]] & ICON or point == ELLIPSIS:
        return 1
    if point == _DOT:
        run = _dots_from(codes, i, high)
        if run > 1:
            return run
    if i + 1 >= high or classes[codes[i]] & _LETTER:
        return 0
    before, after = classes[codes[i - 1]], classes[codes[i + 1]]
    if point == _DOT:
        return 1 if before & (LOWER | QUOTE) and after & (UPPER | QUOTE) else 0
    if point == _COMMA:
        return 1 if before & _LETTER and after & _LETTER else 0
    if point in _OPERATORS and before & DIGIT and (after & DIGIT or codes[i + 1] == _MINUS):
        return 1
    if not before & (_LETTER | DIGIT):
        return 0
    if point in _RELATIONS:
        return 1 if after & _LETTER else 0
    if not classes[codes[i]] & HYPHEN:
        return 0
    run = 1
    while run < 3 and i + run < high and codes[i + run] == point and point != 0x7E:
        run += 1
    return run if i + run < high and classes[codes[i + run]] & _LETTER else 0


@inlined
def _clitic_length(codes, classes, low, high):
    """Length of an English clitic at the end (n't 'll 've 're 'd 'm); 0 for none."""
    if high - low < 3:
        return 0
    last, before = codes[high - 1] | 0x20, codes[high - 2]
    if _is_apostrophe(before):
        if last == 0x74 and (codes[high - 3] | 0x20) == 0x6E and high - low > 3:  # n't
            return 3 if classes[codes[high - 4]] & ALPHA else 0
        return 2 if (last == 0x64 or last == 0x6D) and classes[codes[high - 3]] & ALPHA else 0
    if high - low > 3 and _is_apostrophe(codes[high - 3]) and classes[codes[high - 4]] & ALPHA:
        first = before | 0x20
        return 3 if (first == 0x6C and last == 0x6C) or ((first == 0x76 or first == 0x72) and last == 0x65) else 0
    return 0


@called
def _mark_unspaced(codes, classes, start, end, breaks):
    """Every letter of an unspaced script with the marks on it is a word (UAX #29 without a dictionary)."""
    for i in range(start, end):
        if classes[codes[i]] & MARK:
            continue
        if classes[codes[i]] & UNSPACED or (i > start and classes[codes[i - 1]] & UNSPACED):
            breaks[i - start] = 1


@inlined
def _dots_from(codes, i, high):
    run = 0
    while i + run < high and codes[i + run] == _DOT:
        run += 1
    return run


@inlined
def _is_apostrophe(point):
    return point in (_APOSTROPHE, RIGHT_QUOTE)


@inlined
def _is_abbreviation(codes, low, high):
    if high - low > MAX_PACKED or high <= low or codes[high - 1] != _DOT:
        return False
    word = load64(np.intp(codes.ctypes.data) + low) & low_bytes(high - low)
    return has_slot(_ABBREVIATIONS, _FACTOR, _SHIFT, word)
