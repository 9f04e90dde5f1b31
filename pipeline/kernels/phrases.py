"""Where phrases occur in a batch of texts, whatever the case of their ASCII letters: one pass for all of them."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from functools import cache, partial
from typing import NamedTuple

import numpy as np

from pipeline.kernels.characters import longest_run
from pipeline.kernels.compiled import called, compiled, inlined

_RAREST_FIRST = b"zqxjkvbpygfwmucldrhsnioate "


class Hits(NamedTuple):
    """Occurrences, those of one line before those of the next; they may overlap.

    Attributes:
        starts: int64[hits], first byte, counted in the buffer searched.
        phrases: int64[hits], place of the phrase in the list given.
    """

    starts: np.ndarray
    phrases: np.ndarray


def find_phrases(data: np.ndarray, offsets: np.ndarray, phrases: tuple[str, ...]) -> Hits:
    """Every occurrence of every phrase that is not empty.

    Args:
        data: uint8[bytes], UTF-8; offsets: int64[documents + 1]: no phrase is found across two documents.
    """
    return Hits(*_find_phrases(data, offsets, *packed_phrases(phrases)))


class Packed(NamedTuple):
    """Phrases as the kernels want them.

    Attributes:
        letters: uint8, bytes of all of them, lowered.
        ends: int64[phrases + 1], where each ends.
        anchors: int64[phrases], the place in each of the two bytes to look for first: its rarest pair.
        here, after: uint64[256], of each byte the bits (place mod 64) of the phrases that have it as the first, as the
            second of the pair. A phrase of one byte takes any second one.
    """

    letters: np.ndarray
    ends: np.ndarray
    anchors: np.ndarray
    here: np.ndarray
    after: np.ndarray


@cache
def packed_phrases(phrases: tuple[str, ...]) -> Packed:
    """The phrases prepared; an empty one is never found."""
    encoded = [phrase.encode().lower() for phrase in phrases]  # of bytes: ASCII letters only
    anchors = [min(range(max(len(phrase) - 1, 1)), key=partial(_rarity, phrase)) for phrase in encoded]
    here, after = np.zeros(256, np.uint64), np.zeros(256, np.uint64)
    for place, (phrase, anchor) in enumerate(zip(encoded, anchors, strict=True)):
        bit = np.uint64(1 << place % 64)
        here[_both_cases(phrase[anchor : anchor + 1])] |= bit
        after[_both_cases(phrase[anchor + 1 : anchor + 2]) or list(range(256))] |= bit
    ends = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    letters = np.frombuffer(b"".join(encoded), np.uint8)
    return Packed(letters, ends, np.array(anchors, np.int64), here, after)


def _rarity(phrase: bytes, place: int) -> int:
    return sum(map(_RAREST_FIRST.find, phrase[place : place + 2]))  # -1, rarest, for what is no letter


def _both_cases(byte: bytes) -> list[int]:
    return [*byte, *byte.upper()]


@inlined
def phrase_at(data, first, after, letters, ends, p):
    """Whether phrase `p` stands at byte `first`, before byte `after`."""
    length = ends[p + 1] - ends[p]
    if length == 0 or first + length > after:
        return False
    for k in range(length):
        byte = data[first + k]
        if (byte | 0x20 if 0x41 <= byte <= 0x5A else byte) != letters[ends[p] + k]:
            return False
    return True


@compiled
def _find_phrases(data, offsets, letters, ends, anchors, here, after):
    starts, found = np.empty(1024, np.int64), np.empty(1024, np.int64)
    places = np.empty(longest_run(offsets), np.int32)
    n = 0
    for d in range(len(offsets) - 1):
        low, high = offsets[d], offsets[d + 1]
        for k in range(_find_pairs(data[low:high], here, after, places)):
            i = low + places[k]
            bits = here[data[i]] & (after[data[i + 1]] if i + 1 < high else ~np.uint64(0))
            for p in range(len(anchors)):
                if not (bits >> np.uint64(p & 63)) & np.uint64(1):
                    continue
                first = i - anchors[p]
                if first >= low and phrase_at(data, first, high, letters, ends, p):
                    if n == len(starts):
                        starts, found = np.concatenate((starts, starts)), np.concatenate((found, found))
                    starts[n], found[n] = first, p
                    n += 1
    return starts[:n].copy(), found[:n].copy()


@called
def _find_pairs(text, here, after, places):
    """Put in `places` where the rarest pair of some phrase stands; how many. Without branches: the hot loop."""
    n = 0
    for i in range(len(text) - 1):
        places[n] = i
        n += here[text[i]] & after[text[i + 1]] != 0
    if len(text) and here[text[-1]]:  # a phrase of one byte
        places[n] = len(text) - 1
        n += 1
    return n
