"""UTF-8 in, folded words out: the text as near-duplicate comparison sees it, compiled.

What each character becomes is in the table of `pipeline.dedup.normalise`; here it is applied. The result is
the words parted by one space, in one buffer, so that a shingle is a slice of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pipeline.kernels.compiled import compiled, inlined
from pipeline.kernels.machine import store64, trailing_zeros
from pipeline.kernels.xxh64 import load64

DROPPED, SPACE, LETTER, DIGIT, UNSPACED = range(5)
"""What a character is; an unspaced one (Han, Thai...) is a word by itself."""

_CASE, _HIGH = np.uint64(0x2020202020202020), np.uint64(0x8080808080808080)
_SEVEN, _TO_A, _BEYOND_Z = ~_HIGH, np.uint64(0x1F1F1F1F1F1F1F1F), np.uint64(0x0505050505050505)

_SPACE_BYTE, _ZERO_BYTE = np.uint8(32), np.uint8(48)


class FoldTable(NamedTuple):
    """Each code point: what it is, and the UTF-8 it folds to, `folded[starts[code]:starts[code + 1]]`.

    Attributes:
        kinds: uint8[codes], DROPPED to UNSPACED. Codes beyond the table are dropped.
        starts: int32[codes + 1], bytes.
        folded: uint8[bytes].
        letters: uint8[256], what a byte that is an ASCII letter folds to; 0 for every other byte.
    """

    kinds: np.ndarray
    starts: np.ndarray
    folded: np.ndarray
    letters: np.ndarray


@inlined
def _copy_letters(source: int, target: int) -> Any:
    """Write the eight bytes at an address with their letters in lower case; how many ASCII letters they begin with."""
    word = load64(source)
    lower = word | _CASE
    plain = lower & _SEVEN
    letters = (plain + _TO_A) & ~(plain + _BEYOND_Z) & ~word & _HIGH
    store64(target, lower)
    return np.int64(trailing_zeros(letters ^ _HIGH) >> np.uint64(3))


@compiled
def fold_words(
    data: np.ndarray,
    start: int,
    end: int,
    table: FoldTable,
    fold_numbers: bool,
    out: np.ndarray,
    word_starts: np.ndarray,
    word_ends: np.ndarray,
) -> tuple[int, int]:
    """Write data[start:end] folded to `out`, words parted by one space, and where the words lie.

    One flat loop: a helper that is handed arrays counts references on every call, ten times the work of a
    character.

    Args:
        data: uint8, UTF-8.
        fold_numbers: Write every run of digits as one 0.
        out: uint8, at least 3 * (end - start) + 1: no character folds to more than three times its bytes.
        word_starts, word_ends: int32, at least end - start + 1 each.

    Returns:
        Bytes and words written.
    """
    kinds, starts, folded, letters = table.kinds, table.starts, table.folded, table.letters
    source, target = np.intp(data.ctypes.data), np.intp(out.ctypes.data)
    size, words, at = 0, 0, start
    in_word, in_number = False, False
    while at < end:
        letter = letters[data[at]]
        if letter:  # most of most texts: a run of letters, without a decision for each
            if not in_word:
                if words:
                    out[size] = _SPACE_BYTE
                    size += 1
                word_starts[words] = size
                in_word = True
            in_number = False
            while at + 8 <= end:  # there is room: three bytes are kept for each of the eight
                count = _copy_letters(source + at, target + size)
                size += count
                at += count
                if count < 8:
                    break
            letter = letters[data[at]] if at < end else np.uint8(0)
            while letter:
                out[size] = letter
                size += 1
                at += 1
                letter = letters[data[at]] if at < end else np.uint8(0)
            continue
        code, step = np.int64(data[at]), 1
        if code >= 0x80:
            step = 2 if code < 0xE0 else 3 if code < 0xF0 else 4
            if at + step > end:
                break  # the text ends within a character
            code &= 0x7F >> step
            for i in range(at + 1, at + step):
                code = (code << 6) | (np.int64(data[i]) & 0x3F)
        at += step
        kind = kinds[code] if code < len(kinds) else DROPPED
        if kind == DROPPED or (in_number and kind == DIGIT):
            continue
        if in_word and kind in (SPACE, UNSPACED):
            word_ends[words] = size
            words += 1
            in_word, in_number = False, False
        if kind == SPACE:
            continue
        if not in_word:
            if words:
                out[size] = _SPACE_BYTE
                size += 1
            word_starts[words] = size
            in_word = True
        in_number = kind == DIGIT and fold_numbers
        if in_number or code < 0x80:
            out[size] = _ZERO_BYTE if in_number else folded[starts[code]]
            size += 1
        else:
            for i in range(starts[code], starts[code + 1]):
                out[size] = folded[i]
                size += 1
        if kind == UNSPACED:
            word_ends[words] = size
            words += 1
            in_word = False
    if in_word:
        word_ends[words] = size
        words += 1
    return size, words


@compiled
def mark_characters(out: np.ndarray, size: int, starts: np.ndarray, ends: np.ndarray) -> int:
    """Where each character of out[:size] (UTF-8) lies; how many there are."""
    count = 0
    for at in range(size):
        if out[at] & 0xC0 != 0x80:
            starts[count] = at
            if count:
                ends[count - 1] = at
            count += 1
    if count:
        ends[count - 1] = size
    return count
