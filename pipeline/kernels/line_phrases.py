"""Phrases cut out of a line, such as "items in cart" and "read more": which characters are left."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from functools import cache

import numpy as np

from pipeline.kernels.characters import BLOCK, byte_at, lowest, point_at
from pipeline.kernels.classes import SPACE
from pipeline.kernels.compiled import called, inlined
from pipeline.kernels.machine import paired64
from pipeline.kernels.phrases import rarest_pair

ANYWHERE, AT_END, AT_START = range(3)
"""Where in a line a phrase of each group is cut out."""

_DOT = 0x2E
_CASE = np.uint8(0x20)


@cache
def pack_phrases(groups: tuple[tuple[str, ...], ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Code points of all phrases, int64 where each ends (from 0), the number of the group of each, and two of ASCII's
    characters that stand side by side in it, whatever "." stands for: uint8[phrases, 2]; 0 and 0 where none do."""
    phrases = [(phrase.lower(), number) for number, group in enumerate(groups) for phrase in group if phrase]
    points = np.array([ord(c) for phrase, _ in phrases for c in phrase], np.int32)
    ends = np.cumsum([0, *(len(phrase) for phrase, _ in phrases)]).astype(np.int64)
    parts = [max(phrase.split("."), key=len) for phrase, _ in phrases]
    pairs = [rarest_pair(part.encode()) if len(part) > 1 and part.isascii() else bytes(2) for part in parts]
    packed = np.frombuffer(b"".join(pairs), np.uint8).reshape(-1, 2)
    return points, ends, np.array([number for _, number in phrases], np.int64), packed


@called
def cut_phrases(
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
        if before and leading_spaces(codes, classes, places, 0, left, True) == left:
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


@called
def _cut_phrase(data, codes, classes, byte_index, places, left, letters, first, after, group):
    """Cut one phrase out of what is left, where its group says; how many characters are left then. One white space
    before it goes too (after it, at the start)."""
    length = after - first
    written = i = 0
    while i < left:
        space = 1 if group != AT_START and classes[codes[places[i]]] & SPACE else 0
        for lead in range(space, -1, -1):  # with the white space, where there is some; else without
            start = i + lead
            end = start + length
            fits = end <= left and (group != AT_END or end == left) and (group != AT_START or i == 0)
            k = 0
            while fits and k < length and _alike(data, codes, byte_index, places[start + k], letters[first + k]):
                k += 1
            if fits and k == length:
                i = end
                if group == AT_START and i < left and classes[codes[places[i]]] & SPACE:
                    i += 1
                break
        else:
            places[written] = places[i]
            written += 1
            i += 1
    return written


@inlined
def _alike(data, codes, byte_index, i, letter):
    return letter == _DOT or _letter(data, codes, byte_index, i) == letter


@inlined
def matches(data, codes, byte_index, start, letters, first, length):
    """Whether the characters from `start` on are `letters[first:first + length]`, whatever the case of ASCII's."""
    for k in range(length):  # noqa: SIM110  numba compiles no generators into a caller
        if _letter(data, codes, byte_index, start + k) != letters[first + k]:
            return False
    return True


@inlined
def _letter(data, codes, byte_index, i):
    """The code point of a character, ASCII's letters in lower case."""
    point = np.int32(codes[i])
    if point >= 0x80:
        point, _ = point_at(data, byte_at(codes, byte_index, i))
    return point | 0x20 if 0x41 <= point <= 0x5A else point


@inlined
def _spaced_words(codes, classes, places, left):
    """Words between white space among the characters `places[:left]`."""
    words, space = 0, True
    for k in range(left):
        is_space = classes[codes[places[k]]] & SPACE != 0
        words += space and not is_space
        space = is_space
    return words


@inlined
def leading_spaces(codes, classes, places, low, left, edited):
    """How many white spaces a line begins with: of the characters `places[:left]` where it was edited, else from `low`
    on."""
    k = 0
    while k < left and classes[codes[places[k] if edited else low + k]] & SPACE:
        k += 1
    return k
