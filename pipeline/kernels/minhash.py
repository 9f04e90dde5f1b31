"""Shingles, MinHash signatures and Jaccard similarity over folded UTF-8, compiled.

A shingle is n consecutive words (parted by single spaces) or characters of the folded text, hashed with
xxh64; a text of fewer is one shingle, a text without any has none.

Source: Broder 1997, "On the resemblance and containment of documents"; permutations as `affine32` of
datasketch 2.0.
"""

from __future__ import annotations

import numpy as np

from pipeline.kernels.compiled import compiled, inlined
from pipeline.kernels.folding import FoldTable, fold_words, mark_characters
from pipeline.kernels.xxh64 import xxh64


@compiled
def _hash_shingles(
    folded: np.ndarray, starts: np.ndarray, ends: np.ndarray, units: int, ngram: int, hashes: np.ndarray
) -> int:
    """Write the hash of each shingle, in order, to `hashes` (uint64); how many there are."""
    if units == 0:
        return 0
    width = min(units, ngram)
    count = units - width + 1
    address = np.intp(folded.ctypes.data)
    for i in range(count):
        hashes[i] = xxh64(address + starts[i], np.intp(ends[i + width - 1] - starts[i]))
    return count


@compiled
def shingle_hashes(
    data: np.ndarray, offsets: np.ndarray, table: FoldTable, fold_numbers: bool, of_words: bool, ngram: int
) -> tuple[np.ndarray, np.ndarray]:
    """The shingles of every document, in order, repeats included.

    Args:
        data, offsets: uint8[bytes] and int64[documents + 1]: the documents' UTF-8.
        table, fold_numbers: How characters fold.
        of_words: Shingles of words; else of characters.
        ngram: Words or characters a shingle, at least 1.

    Returns:
        uint64[shingles] and int64[documents + 1], where each document's begin.
    """
    documents = len(offsets) - 1
    longest = np.int64(0)
    for i in range(documents):
        longest = max(longest, offsets[i + 1] - offsets[i])
    folded = np.empty(3 * longest + 1, np.uint8)
    starts, ends = np.empty(longest + 1, np.int32), np.empty(longest + 1, np.int32)
    bounds = np.zeros(documents + 1, np.int64)
    hashes = np.empty(max(64, len(data) // 4), np.uint64)
    for i in range(documents):
        size, units = fold_words(data, offsets[i], offsets[i + 1], table, fold_numbers, folded, starts, ends)
        if not of_words:
            units = mark_characters(folded, size, starts, ends)
        if bounds[i] + units > len(hashes):
            hashes = _grown(hashes, bounds[i], bounds[i] + units)
        bounds[i + 1] = bounds[i] + _hash_shingles(folded, starts, ends, units, ngram, hashes[bounds[i] :])
    return hashes[: bounds[documents]], bounds


@compiled
def _grown(values: np.ndarray, used: int, needed: int) -> np.ndarray:
    larger = np.empty(max(2 * len(values), needed), values.dtype)
    larger[:used] = values[:used]
    return larger


@inlined
def _mix(value: np.uint32) -> np.uint32:
    """MurmurHash3's 32-bit finaliser, a bijection."""
    value = np.uint32(value ^ (value >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    value = np.uint32(np.uint32(value) ^ (np.uint32(value) >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return np.uint32(np.uint32(value) ^ (np.uint32(value) >> np.uint32(16)))


@compiled
def minhash(hashes: np.ndarray, bounds: np.ndarray, multipliers: np.ndarray, increments: np.ndarray) -> np.ndarray:
    """MinHash signatures of sets of shingles.

    Args:
        hashes, bounds: As `shingle_hashes` gives them; the low 32 bits of a hash are used.
        multipliers, increments: uint32[permutations]; the multipliers odd.

    Returns:
        uint32[documents, permutations]; 2^32 - 1 all through for a document without shingles.
    """
    documents, permutations = len(bounds) - 1, len(multipliers)
    signatures = np.full((documents, permutations), np.uint32(0xFFFFFFFF), np.uint32)
    for i in range(documents):
        least = signatures[i]
        for j in range(bounds[i], bounds[i + 1]):
            value = _mix(np.uint32(hashes[j] & np.uint64(0xFFFFFFFF)))
            for k in range(permutations):
                least[k] = min(least[k], np.uint32(multipliers[k] * value + increments[k]))
    return signatures


@compiled
def hash_bands(signatures: np.ndarray, bands: int, rows: int) -> np.ndarray:
    """uint64[documents, bands]: xxh64 of the little-endian bytes of each band's rows of a signature.

    `signatures` is uint32[documents, bands * rows], in one piece (C order).
    """
    documents = len(signatures)
    keys = np.empty((documents, bands), np.uint64)
    address = np.intp(signatures.ctypes.data)
    for i in range(documents):
        for band in range(bands):
            keys[i, band] = xxh64(address + 4 * rows * (bands * i + band), 4 * rows)
    return keys


@compiled
def unique_within(hashes: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each document's hashes sorted, once each; and where each document's begin."""
    sets, set_bounds = np.empty_like(hashes), np.zeros_like(bounds)
    size = 0
    for i in range(len(bounds) - 1):
        ordered = np.sort(hashes[bounds[i] : bounds[i + 1]])
        for j in range(len(ordered)):
            if j == 0 or ordered[j] != ordered[j - 1]:
                sets[size] = ordered[j]
                size += 1
        set_bounds[i + 1] = size
    return sets[:size], set_bounds


@compiled
def jaccard(sets: np.ndarray, bounds: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """float64[pairs]: shared over all hashes of documents left[i] and right[i]; 0 where neither has any."""
    similarity = np.zeros(len(left))
    for pair in range(len(left)):
        i, i_end = bounds[left[pair]], bounds[left[pair] + 1]
        j, j_end = bounds[right[pair]], bounds[right[pair] + 1]
        total, shared = (i_end - i) + (j_end - j), 0
        while i < i_end and j < j_end:
            a, b = sets[i], sets[j]
            shared += a == b
            i += a <= b
            j += b <= a
        if total:
            similarity[pair] = shared / (total - shared)
    return similarity


@compiled
def hash_texts(data: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """uint64[texts]: xxh64 of each text's UTF-8; `data` uint8[bytes], `offsets` int64[texts + 1]."""
    hashes = np.empty(len(offsets) - 1, np.uint64)
    address = np.intp(data.ctypes.data)
    for i in range(len(hashes)):
        hashes[i] = xxh64(address + offsets[i], np.intp(offsets[i + 1] - offsets[i]))
    return hashes
