"""Where phrases occur in a batch of texts, whatever the case of their ASCII letters: one pass for all of them."""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from pipeline.kernels.compiled import compiled

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
    return Hits(*_find_phrases(data, offsets, *_packed(phrases)))


@cache
def _packed(phrases: tuple[str, ...]) -> tuple[np.ndarray, ...]:
    """Bytes of all phrases lowered, where each ends, the place of the byte to look for first (its rarest), and
    which bytes those are."""
    encoded = [_lower(phrase) for phrase in phrases]
    anchors = [min(range(len(p)), key=lambda i, p=p: _rarity(p[i])) if p else 0 for p in encoded]  # type: ignore[misc]
    table = np.zeros(256, np.bool_)
    for phrase, anchor in zip(encoded, anchors, strict=True):
        table[[*phrase[anchor : anchor + 1], *phrase[anchor : anchor + 1].upper()]] = True
    ends = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), ends, np.array(anchors, np.int64), table


def _lower(phrase: str) -> bytes:
    return phrase.encode().lower()  # of bytes: ASCII letters only


def _rarity(byte: int) -> int:
    return _RAREST_FIRST.find(byte)  # -1, rarest, for what is no letter


@compiled
def _find_phrases(data, offsets, letters, ends, anchors, table):
    starts, found = np.empty(len(data), np.int64), np.empty(len(data), np.int64)  # only what is written is ever taken
    n = 0
    for d in range(len(offsets) - 1):
        low, high = offsets[d], offsets[d + 1]
        for i in range(low, high):
            if not table[data[i]]:
                continue
            for p in range(len(anchors)):
                first = i - anchors[p]
                length = ends[p + 1] - ends[p]
                if length == 0 or first < low or first + length > high:
                    continue
                k = 0
                while k < length:
                    byte = data[first + k]
                    if (byte | 0x20 if 0x41 <= byte <= 0x5A else byte) != letters[ends[p] + k]:
                        break
                    k += 1
                if k == length:
                    starts[n], found[n] = first, p
                    n += 1
    return starts[:n].copy(), found[:n].copy()
