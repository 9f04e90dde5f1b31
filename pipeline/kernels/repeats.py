"""What a text repeats: lines and paragraphs, and n-grams of words, counted with 64-bit hashes.

Two different pieces are taken for one when their hashes agree: less than once in 10^9 pages of 10^5 pieces.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np

from pipeline.kernels.characters import Characters
from pipeline.kernels.classes import SPACE
from pipeline.kernels.compiled import compiled, inlined
from pipeline.kernels.hashing import SEED, combine, hash_points
from pipeline.kernels.lines import Lines
from pipeline.kernels.words import Words

SHORTEST_GRAM, TOP_GRAMS, LONGEST_GRAM = 2, 4, 10
"""n-grams of 2..4 words: the most frequent one; of 5..10 words: every repeated one."""


def count_repeated_lines(lines: Lines) -> np.ndarray:
    """Pieces between runs of newlines: int64[documents, 3], pieces, repeated pieces and their characters.

    A piece is repeated when an equal one came before it. A text that begins or ends with a newline has an
    empty piece there, as `re.split` gives it.
    """
    return _count_repeated_lines(lines.starts, lines.ends, lines.hashes, lines.doc_offsets)


def count_repeated_filled_lines(lines: Lines) -> np.ndarray:
    """The same of lines that are not blank."""
    counts = np.concatenate([[0], np.cumsum(~lines.blank)])
    filled = (part[~lines.blank] for part in (lines.starts, lines.ends, lines.hashes))
    return _count_repeated_lines(*filled, counts[lines.doc_offsets])


def count_repeated_paragraphs(characters: Characters, lines: Lines) -> np.ndarray:
    """The same between runs of two newlines or more, of the text stripped of white space at its ends."""
    starts, ends, hashes, doc_offsets = _find_paragraphs(
        characters.points, characters.classes, characters.doc_offsets,
        lines.starts, lines.ends, lines.hashes, lines.doc_offsets,
    )  # fmt: skip
    return _count_repeated_lines(starts, ends, hashes, doc_offsets)


def count_repeated_grams(words: Words) -> np.ndarray:
    """Characters of repeated n-grams: int64[documents, 9], one column for each n of 2..10.

    For n up to 4, the most frequent n-gram (the first of equals): its length, the words joined by one space,
    times its count. From 5 on, every n-gram that occurred before, words joined by nothing, walking from left
    to right and jumping over each one found, so that nothing counts twice.
    """
    longest = int(np.diff(words.doc_offsets).max(initial=0))
    return _count_repeated_grams(words.hashes, words.chars, words.doc_offsets, longest)


@inlined
def slots_for(entries):
    """Slots of a table at most half full: a power of two."""
    slots = 16
    while slots < 2 * entries:
        slots *= 2
    return slots


@inlined
def find_slot(keys, stamps, stamp, key, mask):
    """Slot of `key`, or the free one where it belongs; a slot with another stamp is free."""
    slot = np.int64(key & np.uint64(mask))
    while stamps[slot] == stamp and keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


@compiled
def _count_repeated_lines(starts, ends, hashes, doc_offsets):
    found = np.zeros((len(doc_offsets) - 1, 3), np.int64)
    slots = slots_for(longest_run(doc_offsets))
    keys, stamps = np.empty(slots, np.uint64), np.zeros(slots, np.int64)
    for d in range(len(doc_offsets) - 1):
        first, last = doc_offsets[d], doc_offsets[d + 1] - 1
        for n in range(first, last + 1):
            if starts[n] == ends[n] and n != first and n != last:
                continue  # between two newlines of a run
            slot = find_slot(keys, stamps, d + 1, hashes[n], slots - 1)
            found[d, 0] += 1
            if stamps[slot] == d + 1:
                found[d, 1] += 1
                found[d, 2] += ends[n] - starts[n]
            keys[slot], stamps[slot] = hashes[n], d + 1
    return found


@inlined
def longest_run(doc_offsets):
    longest = 1
    for d in range(len(doc_offsets) - 1):
        longest = max(longest, doc_offsets[d + 1] - doc_offsets[d])
    return longest


@compiled
def _find_paragraphs(points, classes, doc_offsets, line_starts, line_ends, line_hashes, line_offsets):
    starts, ends = np.empty(len(line_starts), np.int64), np.empty(len(line_starts), np.int64)
    hashes, offsets = np.empty(len(line_starts), np.uint64), np.zeros(len(doc_offsets), np.int64)
    n = 0
    for d in range(len(doc_offsets) - 1):
        low, high = _strip(classes, doc_offsets[d], doc_offsets[d + 1])
        inside = False
        for line in range(line_offsets[d], line_offsets[d + 1]):
            start, end = max(line_starts[line], low), min(line_ends[line], high)
            if start >= end:  # empty, or cut off with the white space at the ends
                inside = False
                continue
            if not inside:
                starts[n], hashes[n] = start, SEED
                n += 1
            whole = end - start == line_ends[line] - line_starts[line]
            line_hash = line_hashes[line] if whole else hash_points(points, start, end)
            hashes[n - 1] = combine(hashes[n - 1], line_hash)
            ends[n - 1] = end
            inside = True
        if n == offsets[d]:  # nothing but white space: one empty paragraph
            starts[n], ends[n], hashes[n] = low, low, SEED
            n += 1
        offsets[d + 1] = n
    return starts[:n], ends[:n], hashes[:n], offsets


@inlined
def _strip(classes, low, high):
    while low < high and classes[low] & SPACE:
        low += 1
    while high > low and classes[high - 1] & SPACE:
        high -= 1
    return low, high


@compiled
def _count_repeated_grams(hashes, chars, doc_offsets, longest):
    found = np.zeros((len(doc_offsets) - 1, LONGEST_GRAM - SHORTEST_GRAM + 1), np.int64)
    slots = slots_for(longest)
    keys, stamps = np.empty(slots, np.uint64), np.zeros(slots, np.int64)
    counts, firsts = np.empty(slots, np.int32), np.empty(slots, np.int32)
    grams, ends = np.empty(longest, np.uint64), np.zeros(longest + 1, np.int64)
    places, live = np.empty(longest, np.int64), np.empty(longest, np.bool_)
    met = np.empty((2, slots // 8 + 16), np.uint64)
    stamp = 0
    for d in range(len(doc_offsets) - 1):
        first, total = doc_offsets[d], doc_offsets[d + 1] - doc_offsets[d]
        mask = slots_for(total) - 1
        for i in range(total):
            grams[i], live[i] = hashes[first + i], True
            ends[i + 1] = ends[i] + chars[first + i]
        for n in range(SHORTEST_GRAM, min(LONGEST_GRAM, total) + 1):
            stamp += 1
            alive = _extend(grams, live, hashes, first, n, total)
            if n == SHORTEST_GRAM:
                _drop_lone(grams, live, total - 1, met)
            if n <= TOP_GRAMS:
                best, place = _top_gram(grams, live, n, total, keys, stamps, stamp, counts, firsts, places, mask)
                found[d, n - SHORTEST_GRAM] = best * (ends[place + n] - ends[place] + n - 1)
            elif alive:
                found[d, n - SHORTEST_GRAM] = _repeated_grams(grams, live, ends, n, total, keys, stamps, stamp, mask)
    return found


@inlined
def _extend(grams, live, hashes, first, n, total):
    """From hashes of n - 1 words to hashes of n, where both parts occur more than once; how many do."""
    alive = 0
    for i in range(total - n + 1):
        live[i] = live[i] and live[i + 1]
        if live[i]:
            grams[i] = combine(grams[i], hashes[first + i + n - 1])
            alive += 1
    live[total - n + 1] = False
    return alive


@inlined
def _drop_lone(grams, live, total, met):
    """Make `live` false for most of what occurs once: whose lowest bits nothing shares. Bits in a table that
    fits the cache nearest to the processor cost a fraction of the slots that the rest is counted in."""
    words = 16
    while words * 8 < total:
        words *= 2
    met[:, :words] = 0
    mask = np.uint64(words * 64 - 1)
    for i in range(total):
        place = grams[i] & mask
        word, bit = np.int64(place >> np.uint64(6)), np.uint64(1) << (place & np.uint64(63))
        met[1, word] |= met[0, word] & bit
        met[0, word] |= bit
    for i in range(total):
        place = grams[i] & mask
        live[i] = (met[1, np.int64(place >> np.uint64(6))] >> (place & np.uint64(63))) & np.uint64(1)


@inlined
def _top_gram(grams, live, n, total, keys, stamps, stamp, counts, firsts, places, mask):
    """Count and place of the most frequent n-gram, the first seen among equals; `live` becomes those seen
    twice."""
    best, best_first = 1, 0
    for i in range(total - n + 1):
        if not live[i]:
            continue
        slot = find_slot(keys, stamps, stamp, grams[i], mask)
        if stamps[slot] != stamp:
            keys[slot], stamps[slot], counts[slot], firsts[slot] = grams[i], stamp, 0, i
        counts[slot] += 1
        places[i] = slot
        if counts[slot] > best or (counts[slot] == best and firsts[slot] < best_first):
            best, best_first = counts[slot], firsts[slot]
    for i in range(total - n + 1):
        live[i] = live[i] and counts[places[i]] > 1
    return best, best_first


@inlined
def _repeated_grams(grams, live, ends, n, total, keys, stamps, stamp, mask):
    """Characters of n-grams seen before, without overlap."""
    repeated = i = 0
    while i < total - n + 1:
        if not live[i]:
            i += 1
            continue
        slot = find_slot(keys, stamps, stamp, grams[i], mask)
        if stamps[slot] == stamp:
            repeated += ends[i + n] - ends[i]
            i += n
        else:
            keys[slot], stamps[slot] = grams[i], stamp
            i += 1
    return repeated
