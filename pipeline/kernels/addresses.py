"""Addresses looked over: digits counted, and which might hold a word or a string that is listed.

Nearly none does. What this pass lets through cannot hold one; the few others are read again, exactly, by whoever asks.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

import string
from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from pipeline.kernels.characters import longest_run
from pipeline.kernels.compiled import called, compiled
from pipeline.kernels.hashing import SEED, add_point, finish, hash_text

_ALNUM = string.ascii_letters + string.digits
_LOWERED = np.zeros(256, np.uint8)
_LOWERED[[ord(c) for c in _ALNUM]] = [ord(c.lower()) for c in _ALNUM]
_FREE = 64  # places of a sieve for each of its members: one in so many of the others passes
_MOST_LETTERS = 4
_NINE = ord("9")


class Sieve(NamedTuple):
    """What listed words and strings leave behind to know them by.

    Attributes:
        words: bool[a power of two], true where the hash of a word falls.
        strings: The same of the first letters of strings; empty where there are none.
        letters: How many first letters.
    """

    words: np.ndarray
    strings: np.ndarray
    letters: int


def make_sieve(words: Collection[str], strings: Collection[str]) -> Sieve:
    """Of words and strings, none empty, in lower-case letters and digits."""
    letters = min((len(text) for text in strings), default=0)
    letters = min(letters, _MOST_LETTERS)
    return Sieve(_places(words), _places({text[:letters] for text in strings}), letters)


def _places(words: Collection[str]) -> np.ndarray:
    places = np.zeros(1 << (_FREE * len(words)).bit_length() if words else 0, np.bool_)
    for word in words:
        places[int(hash_text(word)) & (len(places) - 1)] = True
    return places


def sift(data: np.ndarray, offsets: np.ndarray, sieve: Sieve) -> tuple[np.ndarray, np.ndarray]:
    """int64[addresses], digits; bool[addresses], whether it may hold something listed, or has characters beyond ASCII.

    Words are runs of letters and digits; strings are looked for in all letters and digits joined. Case does not matter.

    Args:
        data: uint8[bytes], UTF-8; offsets: int64[addresses + 1].
    """
    digits, listed = _sift(data, offsets, *sieve)
    return digits, listed


@compiled
def _sift(data, offsets, words, strings, letters):
    digits, listed = np.zeros(len(offsets) - 1, np.int64), np.zeros(len(offsets) - 1, np.bool_)
    joined = np.empty(longest_run(offsets), np.uint8)
    for a in range(len(offsets) - 1):
        digits[a], listed[a] = _sift_one(data[offsets[a] : offsets[a + 1]], words, strings, letters, joined)
    return digits, listed


@called
def _sift_one(text, words, strings, letters, joined):
    digits = size = np.int64(0)
    state, listed = SEED, False
    for i in range(len(text)):
        lowered = _LOWERED[text[i]]
        if lowered:
            state = add_point(state, lowered)
            joined[size] = lowered
            size += 1
            digits += lowered <= _NINE
        else:
            listed = listed or text[i] >= 0x80 or (state != SEED and _falls(words, state))
            state = SEED
    listed = listed or (state != SEED and _falls(words, state))
    if len(strings):
        for i in range(size - letters + 1):
            state = SEED
            for k in range(i, i + letters):
                state = add_point(state, joined[k])
            listed = listed or _falls(strings, state)
    return digits, listed


@called
def _falls(places, state):
    return len(places) > 0 and places[np.int64(finish(state) & np.uint64(len(places) - 1))]
