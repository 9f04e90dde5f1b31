"""A text made of pieces of another: what was found out of the first is carried over, and not found again.

Filters that rewrite a text take lines out of it, and few lines are changed inside. So a rewriting kernel says which
stretches of characters stay; characters, chunks and the words counted in them are copied, at the speed of memory.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.kernels.characters import Characters
from pipeline.kernels.chunks import Chunks, scan_chunks
from pipeline.kernels.classes import SPACE, class_table
from pipeline.kernels.compiled import called, compiled, inlined

_NEWLINE = 0x0A
_UNKNOWN = -1


class Pieces(NamedTuple):
    """What stays of each document, in order. Document d is joined of pieces `doc_offsets[d]:doc_offsets[d + 1]`.

    Attributes:
        starts: int32[pieces], first character, counted in the batch.
        ends: int32[pieces], the character after the last; a piece can be empty.
        broken: bool[pieces], a newline is put before it.
        doc_offsets: int64[documents + 1], pieces.
    """

    starts: np.ndarray
    ends: np.ndarray
    broken: np.ndarray
    doc_offsets: np.ndarray


class Assembled(NamedTuple):
    """A batch's text as pieces of another's make it, and what was known of those.

    Attributes:
        data: uint8[bytes], UTF-8.
        characters: As `decode` would give them.
        chunks: As `find_chunks` would.
        counts: int32[chunks], words in each, -1 where the chunk is none of the other text's.
    """

    data: np.ndarray
    characters: Characters
    chunks: Chunks
    counts: np.ndarray


def assemble(data: np.ndarray, characters: Characters, chunks: Chunks, counts: np.ndarray, pieces: Pieces) -> Assembled:
    """The text of the pieces. `counts` are the words in each of `chunks`."""
    size = int(np.sum(pieces.ends - pieces.starts, dtype=np.int64) + np.count_nonzero(pieces.broken))
    data, *rest = _assemble(data, *characters, *chunks, counts, *pieces, size, class_table()[_NEWLINE])
    return Assembled(data, Characters(*rest[:4]), Chunks(*rest[4:8]), rest[8])


@compiled
def _assemble(
    data, points, classes, byte_starts, doc_offsets, starts, ends, seen, chunk_offsets, counts,
    piece_starts, piece_ends, broken, piece_offsets, size, newline,
):  # fmt: skip
    bytes_left = np.int64(byte_starts[-1] - byte_starts[0]) + len(piece_starts)
    text, new_points = np.empty(bytes_left, np.uint8), np.empty(size, np.int32)
    new_classes, new_bytes = np.empty(size, np.uint32), np.empty(size + 1, np.int32)
    new_doc_offsets, new_chunk_offsets = np.zeros(len(doc_offsets), np.int64), np.zeros(len(doc_offsets), np.int64)
    most = size + 1
    new_starts, new_ends = np.empty(most, np.int32), np.empty(most, np.int32)
    new_seen, new_counts = np.empty(most, np.uint32), np.empty(most, np.int32)
    n = b = m = np.int64(0)  # characters, bytes and chunks written
    for d in range(len(doc_offsets) - 1):
        p, last = piece_offsets[d], piece_offsets[d + 1]
        k, after = chunk_offsets[d], chunk_offsets[d + 1]
        begun = n
        n, b = _copy_characters(
            data, points, classes, byte_starts, piece_starts[p:last], piece_ends[p:last], broken[p:last], newline,
            text, new_points, new_classes, new_bytes, n, b,
        )  # fmt: skip
        some = _copy_chunks(
            starts[k:after], ends[k:after], seen[k:after], counts[k:after],
            piece_starts[p:last], piece_ends[p:last], broken[p:last],
            new_starts, new_ends, new_seen, new_counts, begun, m,
        )  # fmt: skip
        if some < 0:
            some = scan_chunks(new_classes[begun:n], begun, new_starts, new_ends, new_seen, m)
            new_counts[m:some] = _UNKNOWN
        m = some
        new_doc_offsets[d + 1], new_chunk_offsets[d + 1] = n, m
    new_bytes[n] = b
    return (
        text[:b], new_points, new_classes, new_bytes, new_doc_offsets,
        new_starts[:m], new_ends[:m], new_seen[:m], new_chunk_offsets, new_counts[:m],
    )  # fmt: skip


@called
def _copy_characters(
    data, points, classes, byte_starts, piece_starts, piece_ends, broken, newline,
    text, new_points, new_classes, new_bytes, n, b,
):  # fmt: skip
    """Write the characters of a document's pieces after the first `n`, of `b` bytes; how many of both there are then."""
    for p in range(len(piece_starts)):
        low, high = np.int64(piece_starts[p]), np.int64(piece_ends[p])
        if broken[p]:
            text[b], new_points[n], new_classes[n], new_bytes[n] = _NEWLINE, _NEWLINE, newline, b
            b += 1
            n += 1
        first, after = np.int64(byte_starts[low]), np.int64(byte_starts[high])
        copy(data[first:after], text[b : b + after - first])
        copy(points[low:high], new_points[n : n + high - low])
        copy(classes[low:high], new_classes[n : n + high - low])
        shift(byte_starts[low:high], b - first, new_bytes[n : n + high - low])
        b += after - first
        n += high - low
    return n, b


@called
def _copy_chunks(
    starts, ends, seen, counts, piece_starts, piece_ends, broken, new_starts, new_ends, new_seen, new_counts, n, m
):  # fmt: skip
    """Write the chunks of a document's pieces, the first of which begins at character `n`, after the first `m`; how
    many there are then. -1 where a piece cuts a chunk, or may join two."""
    k = 0
    for p in range(len(piece_starts)):
        low, high = np.int64(piece_starts[p]), np.int64(piece_ends[p])
        if p and not broken[p]:
            return np.int64(-1)
        n += broken[p]
        while k < len(starts) and ends[k] <= low:
            k += 1
        first = k
        while k < len(starts) and ends[k] <= high:
            k += 1
        if (first < k and starts[first] < low) or (k < len(starts) and starts[k] < high):
            return np.int64(-1)
        copied = k - first
        shift(starts[first:k], n - low, new_starts[m : m + copied])
        shift(ends[first:k], n - low, new_ends[m : m + copied])
        copy(seen[first:k], new_seen[m : m + copied])
        copy(counts[first:k], new_counts[m : m + copied])
        m += copied
        n += high - low
    return m


@inlined
def add_piece(starts, ends, broken, n, start, end, after_newline):
    """Write one more piece, the first `n` are there already; how many there are then."""
    starts[n], ends[n], broken[n] = start, end, after_newline
    return n + 1


@inlined
def strip_pieces(classes, starts, ends, first, n):
    """Take the white space at a document's end off its pieces `first..n`; how many pieces are left."""
    while n > first:
        while ends[n - 1] > starts[n - 1] and classes[ends[n - 1] - 1] & SPACE:
            ends[n - 1] -= 1
        if ends[n - 1] > starts[n - 1]:
            break
        n -= 1
    return n


@called
def copy(source, target):
    """Copy an array over another of the same length."""
    for i in range(len(source)):
        target[i] = source[i]


@called
def shift(source, by, target):
    """Copy numbers, each greater by so much."""
    for i in range(len(source)):
        target[i] = np.int32(source[i] + by)
