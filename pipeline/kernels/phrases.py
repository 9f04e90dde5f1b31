"""Where phrases occur in a batch of texts, whatever the case of their ASCII letters: one pass for all of them.

Of each phrase a pair of neighbouring bytes is looked for, a rare one or one that many phrases share. A machine compares
dozens of bytes at a time with one pair, so a pass costs little more than reading; where a pair stands the phrases are
compared in full.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from collections import Counter
from functools import cache
from math import prod
from typing import NamedTuple

import numpy as np

from pipeline.kernels.characters import BLOCK, longest_run, lowest
from pipeline.kernels.compiled import called, compiled, inlined
from pipeline.kernels.machine import paired64, trailing_zeros

_RAREST_FIRST = b"zqxjkvbpygfwmucldrhsnioate "
_MOST_FREQUENT, _FALL = 0.15, 1.25
"""Of a text's characters, roughly, those that are the last of these, and how much rarer each one before it is."""
_COMPARISONS = 220
"""How many passes over a byte, one among dozens compared at a time, take as long as looking at one place."""
_CASE, _ANY, _EXACT = 0x20, 0xFF, 0
_ONE = np.uint64(1)


class Hits(NamedTuple):
    """Occurrences, in the order of their pairs, so those of one line before those of the next; they may overlap.

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
        anchors: int64[phrases], the place of its pair in each.
        pairs: uint8[pairs, 4], the pairs looked for: each of the two bytes with the bits that are set in a text's byte
            before it is compared, all of them where any byte will do.
        owners: int64[phrases], the pair of each phrase; -1 for an empty one.
    """

    letters: np.ndarray
    ends: np.ndarray
    anchors: np.ndarray
    pairs: np.ndarray
    owners: np.ndarray


@cache
def packed_phrases(phrases: tuple[str, ...]) -> Packed:
    """The phrases prepared; an empty one is never found."""
    encoded = [phrase.encode().lower() for phrase in phrases]  # of bytes: ASCII letters only
    chosen = _choose_pairs(encoded)
    places = {pair: place for place, pair in enumerate(dict.fromkeys(chosen))}
    ends = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    return Packed(
        np.frombuffer(b"".join(encoded), np.uint8),
        ends,
        np.array([phrase.find(pair) for phrase, pair in zip(encoded, chosen, strict=True)], np.int64),
        np.array([_masked(pair) for pair in places], np.uint8).reshape(-1, 4),
        np.array([places[pair] if pair else -1 for pair in chosen], np.int64),
    )


def _choose_pairs(phrases: list[bytes]) -> list[bytes]:
    """For each phrase a pair of its bytes: one that is rare, so that little is compared in full, and shared with other
    phrases, so that few pairs are looked for."""
    chosen: dict[bytes, bytes] = {b"": b""}
    while rest := [phrase for phrase in dict.fromkeys(phrases) if phrase not in chosen]:
        shared = Counter(pair for phrase in rest for pair in _pairs_of(phrase))
        best = min(shared, key=lambda pair: (_cost(pair) / shared[pair], pair))
        chosen.update((phrase, best) for phrase in rest if best in _pairs_of(phrase))
    return [chosen[phrase] for phrase in phrases]


def rarest_pair(phrase: bytes) -> bytes:
    """The two neighbouring bytes of a phrase that a text has least often; the phrase itself where it is shorter."""
    return min(_pairs_of(phrase), key=lambda pair: (_cost(pair), pair))


def _pairs_of(phrase: bytes) -> set[bytes]:
    return {phrase[place : place + 2] for place in range(max(len(phrase) - 1, 1))}


def _cost(pair: bytes) -> float:
    """Of looking for a pair, and at what follows where it stands, in passes over the text."""
    frequency = prod(_MOST_FREQUENT / _FALL ** (len(_RAREST_FIRST) - 1 - _RAREST_FIRST.find(byte)) for byte in pair)
    return 1 + _COMPARISONS * frequency


def _masked(pair: bytes) -> list[int]:
    """Byte and bits set before comparing, twice; an empty pair is found nowhere."""
    known = [value for byte in pair for value in (byte, _CASE if chr(byte).isalpha() and byte < 0x80 else _EXACT)]
    return [*known, _ANY, _ANY][:4] if pair else [0, _ANY, 0, _ANY]


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
def _find_phrases(data, offsets, letters, ends, anchors, pairs, owners):
    starts, found = np.empty(1024, np.int64), np.empty(1024, np.int64)
    longest = longest_run(offsets)
    flags, places = np.empty(longest // BLOCK + 1, np.uint64), np.empty(longest, np.int64)
    n = 0
    for d in range(len(offsets) - 1):
        low, high = offsets[d], offsets[d + 1]
        flagged = _find_pairs(data, low, high, pairs, flags, places)
        while n + flagged * len(anchors) > len(starts):
            starts, found = np.concatenate((starts, starts)), np.concatenate((found, found))
        n = _compare(data, low, high, places[:flagged], letters, ends, anchors, pairs, owners, starts, found, n)
    return starts[:n].copy(), found[:n].copy()


@called
def _find_pairs(data, low, high, pairs, flags, places):
    """Put in `places` where some pair stands in the text `low..high`; how many. What follows on it may be looked at as
    a pair's second byte."""
    blocks, n = (high - low + BLOCK - 1) // BLOCK, 0
    flags[:blocks] = 0
    for p in range(len(pairs)):
        _flag_pair(data, low, blocks, pairs[p, 0], pairs[p, 1], pairs[p, 2], pairs[p, 3], flags)
    for block in range(blocks):
        first = low + block * BLOCK
        flagged = flags[block] & lowest(high - first)
        while flagged:
            places[n] = first + np.int64(trailing_zeros(flagged))
            flagged &= flagged - _ONE
            n += 1
    return n


@called
def _flag_pair(data, low, blocks, a, case_a, b, case_b, flags):
    """Set a bit where the pair stands, 64 places at a time: the hot loop."""
    address = np.intp(data.ctypes.data) + low
    whole = min(blocks, (len(data) - low - 1) // BLOCK)
    for block in range(whole):
        flags[block] |= paired64(address + block * BLOCK, a, case_a, b, case_b)
    for i in range(low + whole * BLOCK, len(data) if whole < blocks else 0):
        second = b == _ANY or (i + 1 < len(data) and (data[i + 1] | case_b) == b)
        flags[(i - low) // BLOCK] |= np.uint64((data[i] | case_a) == a and second) << np.uint64((i - low) % BLOCK)


@called
def _compare(data, low, high, places, letters, ends, anchors, pairs, owners, starts, found, n):
    """Write the phrases that stand around those pairs of the text `low..high`; how many there are then."""
    for i in places:
        for p in range(len(anchors)):
            first = i - anchors[p]
            paired = first >= low and _is_pair(data, i, high, pairs, owners[p])
            if paired and phrase_at(data, first, high, letters, ends, p):
                starts[n], found[n] = first, p
                n += 1
    return n


@inlined
def _is_pair(data, i, after, pairs, p):
    if p < 0 or (data[i] | pairs[p, 1]) != pairs[p, 0]:
        return False
    return pairs[p, 3] == _ANY or (i + 1 < after and (data[i + 1] | pairs[p, 3]) == pairs[p, 2])
