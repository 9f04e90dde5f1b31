"""Counting n-grams: rows of word ids, last word first, so that sorting them puts every suffix beside its extensions.

A row of ids (w_i, w_i-1, ...) sorted from its first column is the order of Heafield's suffix sort; nodes of the tree
that the sorted rows spell are the n-grams of every length. Everything is exact: ids, not hashes, are compared.

Source: Heafield et al. (2013), "Scalable Modified Kneser-Ney Language Model Estimation".
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np

from pipeline.kernels.compiled import compiled, inlined

UNKNOWN_ID, BEGIN_ID, END_ID = np.uint32(0), np.uint32(1), np.uint32(2)
FIRST_ID = 3


@compiled
def intern(hashes, keys, ids, count):
    """Ids of hashed words, new ones numbered in the order they come.

    Args:
        hashes: uint64[words].
        keys, ids: The open hash table, uint64 and uint32 of a power of two of slots; changed. Zero is an empty slot.
        count: Ids given so far; the table must have twice as many slots as it may come to hold.

    Returns:
        uint32[words] ids, and int64[new words] positions of the first occurrence of every new one.
    """
    found = np.empty(len(hashes), np.uint32)
    fresh = np.empty(len(hashes), np.int64)
    news, mask = 0, np.uint64(len(keys) - 1)
    for i in range(len(hashes)):
        key = hashes[i]
        slot = key & mask
        while keys[slot] != 0 and keys[slot] != key:
            slot = (slot + np.uint64(1)) & mask
        if keys[slot] == 0:
            keys[slot] = key
            ids[slot] = count + news
            fresh[news] = i
            news += 1
        found[i] = ids[slot]
    return found, fresh[:news]


@compiled
def ngram_rows(words, order):
    """uint32[words, order]: each word with those before it in its sentence, the nearest first, then begins.

    `words` are ids; every sentence ends with END_ID.
    """
    rows = np.empty((len(words), order), np.uint32)
    depth = 0
    for i in range(len(words)):
        for k in range(order):
            rows[i, k] = words[i - k] if k <= depth else BEGIN_ID
        depth = 0 if words[i] == END_ID else depth + 1
    return rows


@compiled
def sort_rows(rows, ids):
    """uint32[rows]: the order that sorts the rows from their first column; all ids are below `ids`."""
    size, columns = rows.shape
    order = np.arange(size).astype(np.uint32)
    other = np.empty(size, np.uint32)
    for column in range(columns - 1, -1, -1):
        starts = np.zeros(ids + 1, np.int64)
        for i in range(size):
            starts[rows[i, column] + 1] += 1
        for i in range(ids):
            starts[i + 1] += starts[i]
        for i in range(size):
            row = order[i]
            word = rows[row, column]
            other[starts[word]] = row
            starts[word] += 1
        order, other = other, order
    return order


@compiled
def sum_equal(rows, order, counts):
    """The distinct rows in `order` and the sums of their counts: uint32[distinct, columns], int64[distinct]."""
    size, columns = rows.shape
    out = np.empty((size, columns), np.uint32)
    sums = np.zeros(size, np.int64)
    last = -1
    for i in range(size):
        row = order[i]
        same = last >= 0
        if same:
            for k in range(columns):
                if out[last, k] != rows[row, k]:
                    same = False
                    break
        if not same:
            last += 1
            for k in range(columns):
                out[last, k] = rows[row, k]
        sums[last] += counts[row]
    return out[: last + 1], sums[: last + 1]


@compiled
def nodes_at(rows, counts, depth, above):
    """The n-grams of length `depth` (1 is the least) that sorted distinct rows begin with.

    An n-gram ends where a sentence begins: below a begin there is nothing.

    Args:
        above: int64[rows], the node each row passes at `depth - 1`; -1 for none; zeros for depth 1.

    Returns:
        passed: int64[rows], the node each row passes, -1 for none.
        parents: int64[nodes], the node one word shorter.
        words: uint32[nodes], the word farthest back.
        totals: int64[nodes], how often it occurred.
    """
    size, column = len(rows), depth - 1
    passed = np.full(size, -1, np.int64)
    parents = np.empty(size, np.int64)
    words = np.empty(size, np.uint32)
    totals = np.zeros(size, np.int64)
    last = -1
    for i in range(size):
        if above[i] < 0 or (depth > 1 and rows[i, column - 1] == BEGIN_ID):
            continue
        if i == 0 or passed[i - 1] < 0 or above[i] != above[i - 1] or rows[i, column] != rows[i - 1, column]:
            last += 1
            parents[last] = above[i]
            words[last] = rows[i, column]
        passed[i] = last
        totals[last] += counts[i]
    return passed, parents[: last + 1], words[: last + 1], totals[: last + 1]


@compiled
def find_children(nodes, words, begins, level_words):
    """int64: the child of each node that has this word; -1 where there is none, or no node.

    Args:
        nodes: int64, nodes of a level; -1 for none.
        words: uint32, one a node.
        begins: int64[nodes of the level + 1]: where the children of each begin in `level_words`, ascending.
    """
    out = np.full(len(nodes), -1, np.int64)
    for i in range(len(nodes)):
        if nodes[i] >= 0:
            out[i] = _find(level_words, begins[nodes[i]], begins[nodes[i] + 1], words[i])
    return out


@inlined
def _find(values, low, high, wanted):
    end = high
    while low < high:
        middle = (low + high) >> 1
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low if low < end and values[low] == wanted else -1


@compiled
def tally_contexts(contexts, adjusted, kept, sums, unused, ones, twos, more):
    """Add n-grams to the sums of their contexts, in place: what the discounts and back-off weights are made of.

    Args:
        contexts: int64[n-grams], -1 for none.
        adjusted: int64[n-grams]. kept: bool[n-grams], false for those pruned away.
        sums: Of all; unused: of those pruned; ones, twos, more: how many kept ones have count 1, 2, 3 and above.
    """
    for i in range(len(contexts)):
        context = contexts[i]
        if context < 0:
            continue
        sums[context] += adjusted[i]
        if not kept[i]:
            unused[context] += adjusted[i]
        elif adjusted[i] == 1:
            ones[context] += 1
        elif adjusted[i] == 2:
            twos[context] += 1
        elif adjusted[i] > 2:
            more[context] += 1
