"""The n-grams of a model in one open hash table, and scoring of words by it.

A slot is 16 bytes: the key, then log10 of probability and of back-off weight as float32; key 0 is an empty slot. A key
is the hash of the last word, combined with the words before it one by one, so that longer contexts continue a shorter
one's key, and no key depends on what another word matched: a processor looks several up at a time.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from pipeline.kernels.compiled import compiled, inlined
from pipeline.kernels.hashing import combine
from pipeline.kernels.spellings import BEGIN, END, UNKNOWN

MAX_ORDER = 8
_HALF = np.uint64(32)
_FETCHED, _FETCHED_LENGTHS = 32, 5


def _prefetcher(_typing, address):
    """Ask the processor for the cache line at an address; never fails."""

    def generate(context, builder, signature, arguments):
        pointer = builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(function, [pointer, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(types.intp), generate


_prefetch: Any = intrinsic(_prefetcher)


@inlined
def _home(key, slots):
    return np.int64(((key >> _HALF) * slots) >> _HALF)


@compiled
def level_keys(above, parents, word_hashes, words):
    """uint64[n-grams]: the key of each from its parent's and its own farthest word's hash."""
    keys = np.empty(len(words), np.uint64)
    for i in range(len(words)):
        keys[i] = combine(above[parents[i]], word_hashes[words[i]])
    return keys


@compiled
def insert(keys, probs, backoffs, table, floats):
    """Put n-grams into the table, in order; false where a key is there already (two n-grams hash alike)."""
    slots = np.uint64(len(table) // 2)
    for i in range(len(keys)):
        slot = _home(keys[i], slots)
        while table[2 * slot] != 0:
            if table[2 * slot] == keys[i]:
                return False
            slot = slot + 1 if slot + 1 < slots else 0
        table[2 * slot] = keys[i]
        floats[4 * slot + 2] = probs[i]
        floats[4 * slot + 3] = backoffs[i]
    return True


@inlined
def _find(key, table, slots):
    slot = _home(key, slots)
    while table[2 * slot] != key:
        if table[2 * slot] == 0:
            return -1
        slot = slot + 1 if slot + 1 < slots else 0
    return slot


@inlined
def _fetch(hashes, low, high, table, slots, order):
    """Bring the slots of the n-grams that end at words low to high into the cache, the shorter lengths.

    Loads that wait for nothing run side by side; the search, which branches on each, then finds them there.
    """
    for i in range(low, high):
        key = hashes[i]
        _prefetch(table.ctypes.data + 16 * _home(key, slots))
        for k in range(1, min(i + 1, order, _FETCHED_LENGTHS)):
            key = combine(key, hashes[i - k])
            _prefetch(table.ctypes.data + 16 * _home(key, slots))


@compiled
def score_words(hashes, doc_offsets, table, floats, order):
    """float64[documents]: the sum of log10 probabilities of each document's words, ends of sentences included.

    Args:
        hashes, doc_offsets: As in `Spelled`.
        table, floats: The same memory as uint64[2 * slots] and float32[4 * slots].
        order: Longest n-gram of the model.
    """
    slots = np.uint64(len(table) // 2)
    sums = np.zeros(len(doc_offsets) - 1, np.float64)
    unknown, begin = _find(UNKNOWN, table, slots), _find(BEGIN, table, slots)
    unknown_prob = np.float64(floats[4 * unknown + 2])
    begin_weight = np.float64(floats[4 * begin + 3])
    weights = np.zeros(MAX_ORDER + 1, np.float64)  # of the contexts that end at the word before, by length
    ahead = doc_offsets[0]  # words whose first slots have been fetched
    for d in range(len(sums)):
        total = 0.0
        start = doc_offsets[d]
        context, weights[1] = 1, begin_weight
        for i in range(doc_offsets[d], doc_offsets[d + 1]):
            if i == ahead:
                ahead = min(i + _FETCHED, doc_offsets[-1])
                _fetch(hashes, i, ahead, table, slots, order)
            key = hashes[i]
            slot = _find(key, table, slots)
            if slot < 0:
                total += unknown_prob
                for k in range(1, context + 1):
                    total += weights[k]
                context = 0
            else:
                prob = np.float64(floats[4 * slot + 2])
                matched = 1
                backed = 0.0
                weight = np.float64(floats[4 * slot + 3])
                while matched < order and matched <= context:
                    before = hashes[i - matched] if i - matched >= start else BEGIN
                    key = combine(key, before)
                    slot = _find(key, table, slots)
                    if slot < 0:
                        break
                    prob = np.float64(floats[4 * slot + 2])
                    weights[matched] = weight
                    weight = np.float64(floats[4 * slot + 3])
                    matched += 1
                for k in range(matched, context + 1):
                    backed += weights[k]
                total += prob + backed
                weights[matched] = weight
                context = min(matched, order - 1)
            if hashes[i] == END:
                start = i + 1
                context, weights[1] = 1, begin_weight
        sums[d] = total
    return sums
