"""What a text repeats: lines and paragraphs, and n-grams of words, counted with 64-bit hashes.

Two different pieces are taken for one when their hashes agree: less than once in 10^9 pages of 10^5 pieces.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np

from pipeline.kernels.characters import Characters
from pipeline.kernels.classes import SPACE
from pipeline.kernels.compiled import compiled, inlined
from pipeline.kernels.hashing import SEED, add_point, combine, finish
from pipeline.kernels.words import Words

NEWLINE = 0x0A
SHORTEST_GRAM, TOP_GRAMS, LONGEST_GRAM = 2, 4, 10
"""n-grams of 2..4 words: the most frequent one; of 5..10 words: every repeated one."""


def count_repeated_lines(characters: Characters) -> np.ndarray:
    """Pieces between runs of newlines: int64[documents, 3], pieces, repeated pieces and their characters.

    A piece is repeated when an equal one came before it. A text that begins or ends with a newline has an
    empty piece there, as `re.split` gives it.
    """
    return _count_repeated_pieces(
        characters.points, characters.classes, characters.doc_offsets, 1, False, False
    )


def count_repeated_paragraphs(characters: Characters) -> np.ndarray:
    """The same between runs of two newlines or more, of the text stripped of white space at its ends."""
    return _count_repeated_pieces(
        characters.points, characters.classes, characters.doc_offsets, 2, True, False
    )


def count_repeated_filled_lines(characters: Characters) -> np.ndarray:
    """The same of lines that are not blank."""
    return _count_repeated_pieces(
        characters.points, characters.classes, characters.doc_offsets, 1, False, True
    )


def count_repeated_grams(words: Words) -> np.ndarray:
    """Characters of repeated n-grams: int64[documents, 9], one column for each n of 2..10.

    For n up to 4, the most frequent n-gram (the first of equals): its length, the words joined by one space,
    times its count. From 5 on, every n-gram that occurred before, words joined by nothing, walking from left
    to right and jumping over each one found, so that nothing counts twice.
    """
    longest = int(np.diff(words.doc_offsets).max(initial=0))
    return _count_repeated_grams(words.hashes, words.chars, words.doc_offsets, longest)


@inlined
def _slots_for(entries):
    """Slots of a table at most half full: a power of two."""
    slots = 16
    while slots < 2 * entries:
        slots *= 2
    return slots


@inlined
def _find_slot(keys, stamps, stamp, key, mask):
    """Slot of `key`, or the free one where it belongs; a slot with another stamp is free."""
    slot = np.int64(key & np.uint64(mask))
    while stamps[slot] == stamp and keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


@compiled
def _count_repeated_pieces(points, classes, doc_offsets, newlines, strip, filled_only):
    found = np.zeros((len(doc_offsets) - 1, 3), np.int64)
    slots = _slots_for(_most_newlines(points, doc_offsets) + 1)
    keys, stamps = np.empty(slots, np.uint64), np.zeros(slots, np.int64)
    for d in range(len(doc_offsets) - 1):
        start, end = doc_offsets[d], doc_offsets[d + 1]
        if strip:
            while start < end and classes[start] & SPACE:
                start += 1
            while end > start and classes[end - 1] & SPACE:
                end -= 1
        i = start
        while True:
            first, state, blank = i, SEED, True
            while i < end and _newlines_at(points, i, end, newlines) < newlines:
                state = add_point(state, points[i])
                blank = blank and (classes[i] & SPACE) != 0
                i += 1
            if not (filled_only and blank):
                key = finish(state)
                slot = _find_slot(keys, stamps, d + 1, key, slots - 1)
                found[d, 0] += 1
                if stamps[slot] == d + 1:
                    found[d, 1] += 1
                    found[d, 2] += i - first
                keys[slot], stamps[slot] = key, d + 1
            if i == end:
                break
            while i < end and points[i] == NEWLINE:
                i += 1
    return found


@inlined
def _newlines_at(points, i, end, wanted):
    """Newlines from `i` on, counted up to `wanted`."""
    run = 0
    while run < wanted and i + run < end and points[i + run] == NEWLINE:
        run += 1
    return run


@inlined
def _most_newlines(points, doc_offsets):
    most = 0
    for d in range(len(doc_offsets) - 1):
        count = 0
        for i in range(doc_offsets[d], doc_offsets[d + 1]):
            count += points[i] == NEWLINE
        most = max(most, count)
    return most


@compiled
def _count_repeated_grams(hashes, chars, doc_offsets, longest):
    found = np.zeros((len(doc_offsets) - 1, LONGEST_GRAM - SHORTEST_GRAM + 1), np.int64)
    slots = _slots_for(longest)
    keys, stamps = np.empty(slots, np.uint64), np.zeros(slots, np.int64)
    counts, firsts = np.empty(slots, np.int32), np.empty(slots, np.int32)
    grams, ends = np.empty(longest, np.uint64), np.zeros(longest + 1, np.int64)
    stamp = 0
    for d in range(len(doc_offsets) - 1):
        first, total = doc_offsets[d], doc_offsets[d + 1] - doc_offsets[d]
        mask = _slots_for(total) - 1
        for i in range(total):
            grams[i] = hashes[first + i]
            ends[i + 1] = ends[i] + chars[first + i]
        for n in range(SHORTEST_GRAM, LONGEST_GRAM + 1):
            stamp += 1
            for i in range(total - n + 1):
                grams[i] = combine(grams[i], hashes[first + i + n - 1])
            if n <= TOP_GRAMS:
                found[d, n - SHORTEST_GRAM] = _top_gram(
                    grams, ends, n, total, keys, stamps, stamp, counts, firsts, mask
                )
            else:
                found[d, n - SHORTEST_GRAM] = _repeated_grams(
                    grams, ends, n, total, keys, stamps, stamp, mask
                )
    return found


@inlined
def _top_gram(grams, ends, n, total, keys, stamps, stamp, counts, firsts, mask):
    """Characters of the most frequent n-gram, its count times; the first seen among equals."""
    best, best_first = 0, 0
    for i in range(total - n + 1):
        slot = _find_slot(keys, stamps, stamp, grams[i], mask)
        if stamps[slot] != stamp:
            keys[slot], stamps[slot], counts[slot], firsts[slot] = grams[i], stamp, 0, i
        counts[slot] += 1
        if counts[slot] > best or (counts[slot] == best and firsts[slot] < best_first):
            best, best_first = counts[slot], firsts[slot]
    return best * (ends[best_first + n] - ends[best_first] + n - 1) if best else 0


@inlined
def _repeated_grams(grams, ends, n, total, keys, stamps, stamp, mask):
    """Characters of n-grams seen before, without overlap."""
    repeated = i = 0
    while i < total - n + 1:
        slot = _find_slot(keys, stamps, stamp, grams[i], mask)
        if stamps[slot] == stamp:
            repeated += ends[i + n] - ends[i]
            i += n
        else:
            keys[slot], stamps[slot] = grams[i], stamp
            i += 1
    return repeated
