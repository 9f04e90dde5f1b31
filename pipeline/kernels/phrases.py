"""Where phrases occur in a batch of texts, whatever the case of their ASCII letters: one pass for all of them."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from pipeline.kernels.compiled import compiled, inlined

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
        anchors: int64[phrases], the place in each of the byte to look for first: its rarest.
        table: uint16[256], for each byte 1 + where the phrases with that anchor begin in `order`; 0: no phrase.
        order: int64, phrases by anchor, each group ended by -1.
    """

    letters: np.ndarray
    ends: np.ndarray
    anchors: np.ndarray
    table: np.ndarray
    order: np.ndarray


@cache
def packed_phrases(phrases: tuple[str, ...]) -> Packed:
    """The phrases prepared; an empty one is never found."""
    encoded = [phrase.encode().lower() for phrase in phrases]  # of bytes: ASCII letters only
    anchors = [min(range(len(phrase)), key=lambda i: _rarity(phrase[i]), default=0) for phrase in encoded]
    groups: dict[int, list[int]] = {}
    for place, (phrase, anchor) in enumerate(zip(encoded, anchors, strict=True)):
        for byte in {*phrase[anchor : anchor + 1], *phrase[anchor : anchor + 1].upper()}:
            groups.setdefault(byte, []).append(place)
    table = np.zeros(256, np.uint16)
    order: list[int] = []
    for byte, places in sorted(groups.items()):
        table[byte] = len(order) + 1
        order += [*places, -1]
    ends = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    letters = np.frombuffer(b"".join(encoded), np.uint8)
    return Packed(letters, ends, np.array(anchors, np.int64), table, np.array([*order, -1], np.int64))


def _rarity(byte: int) -> int:
    return _RAREST_FIRST.find(byte)  # -1, rarest, for what is no letter


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
def _find_phrases(data, offsets, letters, ends, anchors, table, order):
    starts, found = np.empty(1024, np.int64), np.empty(1024, np.int64)
    n = 0
    for d in range(len(offsets) - 1):
        low, high = offsets[d], offsets[d + 1]
        for i in range(low, high):
            place = np.int64(table[data[i]]) - 1
            if place < 0:
                continue
            while order[place] >= 0:
                p = order[place]
                first = i - anchors[p]
                if first >= low and phrase_at(data, first, high, letters, ends, p):
                    if n == len(starts):
                        starts, found = np.concatenate((starts, starts)), np.concatenate((found, found))
                    starts[n], found[n] = first, p
                    n += 1
                place += 1
    return starts[:n].copy(), found[:n].copy()
