"""What a text repeats: lines and paragraphs, and n-grams of words, counted with 64-bit hashes.

Two different pieces are taken for one when their hashes agree: less than once in 10^9 pages of 10^5 pieces.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np

from pipeline.kernels.characters import Characters, byte_at, longest_run
from pipeline.kernels.compiled import called, compiled, inlined
from pipeline.kernels.hashing import SEED, combine, hash_slice
from pipeline.kernels.lines import Lines, is_blank, strip
from pipeline.kernels.words import Words

_WORD, _BITS = np.uint64(6), np.uint64(63)
_FREE = -1
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd: of two grams that differ in their first word alone no two are alike
SHORTEST_GRAM, TOP_GRAMS, LONGEST_GRAM = 2, 4, 10
"""n-grams of 2..4 words: the most frequent one; of 5..10 words: every repeated one."""


def count_repeated_lines(lines: Lines) -> np.ndarray:
    """Pieces between runs of newlines: int64[documents, 4], pieces, repeated ones, these ones' characters and all's.

    A piece is repeated when an equal one came before it. A text that begins or ends with a newline has an
    empty piece there, as `re.split` gives it.
    """
    return _count_repeated_lines(lines.starts, lines.ends, lines.hashes, lines.seen, lines.doc_offsets, False)


def count_repeated_filled_lines(lines: Lines) -> np.ndarray:
    """The same of lines that are not blank."""
    return _count_repeated_lines(lines.starts, lines.ends, lines.hashes, lines.seen, lines.doc_offsets, True)


def count_repeated_paragraphs(data: np.ndarray, characters: Characters, lines: Lines) -> np.ndarray:
    """The same between runs of two newlines or more, of the text stripped of white space at its ends. `data`: uint8,
    the UTF-8 decoded."""
    starts, ends, hashes, doc_offsets = _find_paragraphs(
        data, characters.codes, characters.classes, characters.byte_index, characters.doc_offsets,
        lines.starts, lines.ends, lines.hashes, lines.doc_offsets,
    )  # fmt: skip
    return _count_repeated_lines(starts, ends, hashes, np.zeros(0, np.uint32), doc_offsets, False)


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
def _count_repeated_lines(starts, ends, hashes, seen, doc_offsets, filled):
    found = np.zeros((len(doc_offsets) - 1, 4), np.int64)
    slots = slots_for(longest_run(doc_offsets))
    keys, stamps = np.empty(slots, np.uint64), np.zeros(slots, np.int64)
    for d in range(len(doc_offsets) - 1):
        first, last = doc_offsets[d], doc_offsets[d + 1] - 1
        for n in range(first, last + 1):
            if filled:
                if is_blank(seen[n]):
                    continue
            elif starts[n] == ends[n] and n != first and n != last:
                continue  # between two newlines of a run
            slot = find_slot(keys, stamps, d + 1, hashes[n], slots - 1)
            found[d, 0] += 1
            found[d, 3] += ends[n] - starts[n]
            if stamps[slot] == d + 1:
                found[d, 1] += 1
                found[d, 2] += ends[n] - starts[n]
            keys[slot], stamps[slot] = hashes[n], d + 1
    return found


@compiled
def _find_paragraphs(data, codes, classes, byte_index, doc_offsets, line_starts, line_ends, line_hashes, line_offsets):
    address = np.intp(data.ctypes.data)
    starts, ends = np.empty(len(line_starts), np.int64), np.empty(len(line_starts), np.int64)
    hashes, offsets = np.empty(len(line_starts), np.uint64), np.zeros(len(doc_offsets), np.int64)
    n = 0
    for d in range(len(doc_offsets) - 1):
        low, high = strip(codes, classes, doc_offsets[d], doc_offsets[d + 1])
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
            line_hash = line_hashes[line]
            if not whole:
                line_hash = hash_slice(
                    data, address, byte_at(codes, byte_index, start), byte_at(codes, byte_index, end)
                )
            hashes[n - 1] = combine(hashes[n - 1], line_hash)
            ends[n - 1] = end
            inside = True
        if n == offsets[d]:  # nothing but white space: one empty paragraph
            starts[n], ends[n], hashes[n] = low, low, SEED
            n += 1
        offsets[d + 1] = n
    return starts[:n], ends[:n], hashes[:n], offsets


@compiled
def _count_repeated_grams(hashes, chars, doc_offsets, longest):
    found = np.zeros((len(doc_offsets) - 1, LONGEST_GRAM - SHORTEST_GRAM + 1), np.int64)
    grams, ends = np.empty(longest, np.uint64), np.zeros(longest + 1, np.int64)
    live, counts, owners = np.empty(longest + 1, np.int64), np.empty(longest, np.int32), np.empty(longest, np.int32)
    slots = slots_for(longest)
    table, met = np.empty(2 * slots, np.int32), np.empty((2, slots // 2 + 16), np.uint64)
    for d in range(len(doc_offsets) - 1):
        first, after = doc_offsets[d], doc_offsets[d + 1]
        words, total = hashes[first:after], after - first
        _add_up(chars[first:after], ends)
        alive = _begin_grams(words, grams, met, live)  # live[:alive]: where n-grams begin that occur again, ascending
        for n in range(SHORTEST_GRAM, min(LONGEST_GRAM, total) + 1):
            if n > SHORTEST_GRAM:
                alive = _extend(grams, live, alive, words, n)
            if n <= TOP_GRAMS:
                best, place, alive = _top_gram(grams, live, alive, counts, owners, table)
                found[d, n - SHORTEST_GRAM] = best * (ends[place + n] - ends[place] + n - 1)
            elif alive:
                found[d, n - SHORTEST_GRAM] = _repeated_grams(grams, live, alive, ends, n, table)
            else:
                break
    return found


@called
def _add_up(chars, ends):
    for i in range(len(chars)):
        ends[i + 1] = ends[i] + chars[i]


@inlined
def _join(gram, word):
    """Hash of an n-gram and one word more. Hashes of words are as good as random, so this step need not mix them."""
    return gram * _FACTOR + word


@called
def _begin_grams(words, grams, met, live):
    """Hashes of two words in `grams`; in `live` where those begin whose lowest bits another shares; how many.

    That drops most of what occurs once: bits in a table that fits the cache nearest to the processor cost a fraction
    of the slots that the rest is counted in.
    """
    size = 16
    while size * 2 < len(words):
        size *= 2
    once, again = met[0, :size], met[1, :size]
    once[:] = 0
    again[:] = 0
    mask = np.uint64(size * 64 - 1)
    for i in range(len(words) - 1):
        grams[i] = _join(words[i], words[i + 1])
    for i in range(len(words) - 1):
        gram = grams[i]
        word, bit = (gram & mask) >> _WORD, np.uint64(1) << (gram & _BITS)
        before = once[word]
        again[word] |= before & bit
        once[word] = before | bit
    alive = np.int64(0)
    for i in range(len(words) - 1):
        live[alive] = i
        alive += np.int64((again[(grams[i] & mask) >> _WORD] >> (grams[i] & _BITS)) & np.uint64(1))
    return alive


@called
def _extend(grams, live, alive, words, n):
    """From hashes of n - 1 words to hashes of n, where both parts occur more than once; how many do."""
    kept = 0
    for k in range(alive - 1):
        i = live[k]
        if live[k + 1] == i + 1:
            grams[i] = _join(grams[i], words[i + n - 1])
            live[kept] = i
            kept += 1
    return kept


@called
def _top_gram(grams, live, alive, counts, owners, table):
    """Count and place of the most frequent n-gram, the first seen among equals, and how many are left in `live`: those
    seen twice."""
    mask = _clear(table, alive)
    counts[:alive] = 0
    for k in range(alive):
        owners[k] = _first_alike(grams, live, k, table, mask)
        counts[owners[k]] += 1
    best, place, kept = np.int64(1), np.int64(0), 0
    for k in range(alive):
        if counts[k] > best:
            best, place = np.int64(counts[k]), live[k]
        live[kept] = live[k]
        kept += counts[owners[k]] > 1
    return best, place, kept


@called
def _repeated_grams(grams, live, alive, ends, n, table):
    """Characters of n-grams seen before, without overlap."""
    mask = _clear(table, alive)
    repeated = after = np.int64(0)
    for k in range(alive):
        i = live[k]
        if i >= after and _first_alike(grams, live, k, table, mask) < k:
            repeated += ends[i + n] - ends[i]
            after = i + n
    return repeated


@inlined
def _clear(table, entries):
    """Make room for so many n-grams; what brings one to its slot."""
    slots = slots_for(2 * entries)  # a quarter full at most: nearly every look is the only one
    table[:slots] = _FREE
    return slots - 1


@inlined
def _first_alike(grams, live, k, table, mask):
    """The first of those looked up whose n-gram is that of `live[k]`; `k` itself, which is kept then, where none is."""
    gram = grams[live[k]]
    slot = np.int64(gram & np.uint64(mask))
    while table[slot] != _FREE and grams[live[table[slot]]] != gram:
        slot = (slot + 1) & mask
    first = k if table[slot] == _FREE else np.int64(table[slot])
    table[slot] = first
    return first
