"""Passages of benchmarks found in pages: seeds by a rolling hash, matches by extending them, compiled.

A seed is a run of a few equal words. From each seed the match is extended both ways along the passage, over single
changed, added or missing words where edits are allowed. The work is linear in the text: a passage is not looked for
again within what it already matched, and a failed extension is short.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.kernels.compiled import called, compiled, inlined
from pipeline.kernels.folding import DROPPED, SPACE, UNSPACED, FoldTable
from pipeline.kernels.hashing import SEED, add_point, finish

BASE = np.uint64(0x9E3779B97F4A7C15)
RESUME = 3
"""Equal words that must follow an edit: fewer are chance."""

EMPTY = np.int32(-1)


class Passages(NamedTuple):
    """Passages as word hashes, and where each seed occurs in them.

    Attributes:
        words: uint64[words], of all passages, one after another.
        starts: int64[passages + 1], where each begins in `words`.
        passage_of: int32[words], the passage a word belongs to.
        needed: int32[passages], equal words that make a match.
        bits: uint8[bytes, a power of two], a bit a seed may set: most words of a page end here.
        keys: uint64[slots, a power of two], seed hashes, open addressing.
        firsts: int32[slots], first word of an occurrence of that seed; -1: the slot is free.
        nexts: int32[words], the seed's next occurrence; -1: none.
    """

    words: np.ndarray
    starts: np.ndarray
    passage_of: np.ndarray
    needed: np.ndarray
    bits: np.ndarray
    keys: np.ndarray
    firsts: np.ndarray
    nexts: np.ndarray


class Matches(NamedTuple):
    """Stretches of documents that are in a passage, by document, in the order found.

    Attributes:
        documents: int64[matches].
        starts, ends: int64[matches], bytes in the batch's UTF-8 buffer.
        passages: int32[matches].
        matched: int32[matches], equal words.
        text_words: int64[documents], words of each document.
    """

    documents: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    passages: np.ndarray
    matched: np.ndarray
    text_words: np.ndarray


@compiled
def _hash_words(data, start, end, table, hashes, starts, ends):
    """Hashes of the folded words of data[start:end] and the bytes they span; how many there are."""
    kinds, folds, folded = table.kinds, table.starts, table.folded
    n, at, in_word = 0, start, False
    state = SEED
    while at < end:
        here, code, step = at, np.int64(data[at]), 1
        if code >= 0x80:
            step = 2 if code < 0xE0 else 3 if code < 0xF0 else 4
            if at + step > end:
                break
            code &= 0x7F >> step
            for i in range(at + 1, at + step):
                code = (code << 6) | (np.int64(data[i]) & 0x3F)
        at += step
        kind = kinds[code] if code < len(kinds) else DROPPED
        if kind == DROPPED:
            continue
        if in_word and kind in (SPACE, UNSPACED):
            hashes[n] = finish(state)
            n += 1
            in_word = False
        if kind == SPACE:
            continue
        if not in_word:
            starts[n], state, in_word = here, SEED, True
        for i in range(folds[code], folds[code + 1]):
            state = add_point(state, folded[i])
        ends[n] = at
        if kind == UNSPACED:
            hashes[n] = finish(state)
            n += 1
            in_word = False
    if in_word:
        hashes[n] = finish(state)
        n += 1
    return n


def hash_words(text: bytes, table: FoldTable) -> np.ndarray:
    """uint64[words]: the words of a text as they are compared: case folded, no punctuation, no diacritics."""
    data = np.frombuffer(text, np.uint8)
    hashes, starts, ends = (
        np.empty(len(data) + 1, np.uint64),
        np.empty(len(data) + 1, np.int64),
        np.empty(len(data) + 1, np.int64),
    )
    return hashes[: _hash_words(data, 0, len(data), table, hashes, starts, ends)].copy()


@inlined
def _seed(words, at, size):
    """Hash of words[at:at + size]."""
    state = np.uint64(0)
    for i in range(at, at + size):
        state = state * BASE + words[i]
    return state


@inlined
def _slot(key, keys, firsts):
    """Where the key is, or where it would go."""
    mask = np.uint64(len(keys) - 1)
    slot = finish(key) & mask
    while firsts[slot] != EMPTY and keys[slot] != key:
        slot = (slot + np.uint64(1)) & mask
    return slot


@compiled
def _fill(words, starts, seed_words, max_places, bits, keys, firsts, nexts):
    """Enter every seed; returns how many occurrences were left out because their seed has too many already."""
    left_out = 0
    mask = np.uint64(len(bits) * 8 - 1)
    for p in range(len(starts) - 1):
        for at in range(starts[p], starts[p + 1] - seed_words + 1):
            key = _seed(words, at, seed_words)
            slot = _slot(key, keys, firsts)
            places, last = 0, firsts[slot]
            while last != EMPTY and nexts[last] != EMPTY:
                last = nexts[last]
                places += 1
            if last != EMPTY and places + 1 >= max_places:
                left_out += 1
                continue
            if last == EMPTY:
                keys[slot], firsts[slot] = key, at
            else:
                nexts[last] = at
            bit = finish(key) & mask
            bits[bit >> np.uint64(3)] |= np.uint8(1) << np.uint8(bit & np.uint64(7))
    return left_out


@called
def _run(text, i, end, words, j, stop, step, edits):
    """Extend a match from (i, j) one way: where it ends on both sides, exclusive, and how many words are equal."""
    matched, good_i = 0, i
    while i != end and j != stop:
        if text[i] == words[j]:
            i, j, matched = i + step, j + step, matched + 1
            good_i = i
            continue
        if not edits:
            break
        moved = False
        for kind in range(3):  # one word changed, added, missing
            a, b = i + (step if kind != 2 else 0), j + (step if kind != 1 else 0)
            equal = 0
            while equal < RESUME and a != end and b != stop and text[a] == words[b]:
                a, b, equal = a + step, b + step, equal + 1
            if equal == RESUME:
                i, j, moved = i + (step if kind != 2 else 0), j + (step if kind != 1 else 0), True
                break
        if not moved:
            break
    return good_i, matched


@compiled
def _find(data, offsets, table, passages, seed_words, edits):
    words, starts, passage_of, needed, bits, keys, firsts, nexts = passages
    documents = len(offsets) - 1
    longest = 0
    for d in range(documents):
        longest = max(longest, offsets[d + 1] - offsets[d])
    hashes = np.empty(longest + 1, np.uint64)
    word_starts, word_ends = np.empty(longest + 1, np.int64), np.empty(longest + 1, np.int64)
    covered = np.zeros(len(starts), np.int64)
    room = 64
    out = np.empty((room, 5), np.int64)
    text_words = np.zeros(documents, np.int64)
    found = 0
    power = np.uint64(1)
    for _ in range(seed_words - 1):
        power *= BASE
    mask = np.uint64(len(bits) * 8 - 1)
    for d in range(documents):
        n = _hash_words(data, offsets[d], offsets[d + 1], table, hashes, word_starts, word_ends)
        text_words[d] = n
        first_match = found
        state = np.uint64(0)
        for i in range(n):
            if i >= seed_words:
                state -= hashes[i - seed_words] * power
            state = state * BASE + hashes[i]
            at = i - seed_words + 1
            if at < 0:
                continue
            bit = finish(state) & mask
            if not (bits[bit >> np.uint64(3)] >> np.uint8(bit & np.uint64(7))) & 1:
                continue
            place = firsts[_slot(state, keys, firsts)]
            while place != EMPTY:
                p = passage_of[place]
                if at >= covered[p] and text_equal(hashes, at, words, place, seed_words):
                    right, more = _run(hashes, i + 1, n, words, place + seed_words, starts[p + 1], 1, edits)
                    left, less = _run(hashes, at - 1, covered[p] - 1, words, place - 1, starts[p] - 1, -1, edits)
                    matched = seed_words + more + less
                    if matched >= needed[p]:
                        if found == room:
                            room *= 2
                            bigger = np.empty((room, 5), np.int64)
                            bigger[:found] = out
                            out = bigger
                        out[found, 0], out[found, 1], out[found, 2] = d, word_starts[left + 1], word_ends[right - 1]
                        out[found, 3], out[found, 4] = p, matched
                        found += 1
                        covered[p] = right
                place = nexts[place]
        for k in range(first_match, found):
            covered[out[k, 3]] = 0
    return out[:found], text_words


@inlined
def text_equal(text, i, words, j, count):
    """Whether two runs of words are equal."""
    equal = True
    for k in range(count):
        equal &= text[i + k] == words[j + k]
    return equal


def index_passages(
    texts: list[bytes], table: FoldTable, needed: list[int], seed_words: int, max_places: int
) -> tuple[Passages, int]:
    """The index over passages of at least `seed_words` words, and how many places of common seeds it leaves out."""
    parts = [hash_words(text, table) for text in texts]
    starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    words = np.concatenate([np.zeros(0, np.uint64), *parts])
    passage_of = np.repeat(np.arange(len(parts), dtype=np.int32), np.diff(starts))
    slots = 1 << max(4, int(2 * len(words)).bit_length())
    bits, keys = np.zeros(slots, np.uint8), np.zeros(slots, np.uint64)  # a byte a slot: 16 bits and more a seed
    firsts, nexts = np.full(slots, EMPTY, np.int32), np.full(max(len(words), 1), EMPTY, np.int32)
    left_out = _fill(words, starts, seed_words, max_places, bits, keys, firsts, nexts)
    return Passages(words, starts, passage_of, np.array(needed, np.int32), bits, keys, firsts, nexts), int(left_out)


def find_matches(
    data: np.ndarray, offsets: np.ndarray, table: FoldTable, passages: Passages, seed_words: int, edits: bool
) -> Matches:
    """Every stretch of the documents (uint8 UTF-8 and int64[documents + 1] offsets) that is in a passage."""
    rows, text_words = _find(data, offsets, table, passages, seed_words, edits)
    return Matches(
        rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3].astype(np.int32), rows[:, 4].astype(np.int32), text_words
    )
