"""A text made of pieces of another: what was found out of the first is carried over, and not found again.

Filters that rewrite a text take lines out of it, and few lines are changed inside. So a rewriting kernel says which
stretches of characters stay; characters, chunks and the words counted in them are copied, at the speed of memory.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.kernels.characters import BLOCK, Characters, byte_at, copy, index_bytes, index_size
from pipeline.kernels.chunks import OFTEN, Chunks, scan_chunks
from pipeline.kernels.classes import SPACE
from pipeline.kernels.compiled import called, compiled, inlined
from pipeline.kernels.lines import NEWLINE, Lines, look_at_lines

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
        offsets: int64[documents + 1], where documents end in it.
        characters: As `decode` would give them.
        chunks: As `find_chunks` would.
        counts: int32[chunks], words in each, -1 where the chunk is none of the other text's.
        lines: As `find_lines` would.
    """

    data: np.ndarray
    offsets: np.ndarray
    characters: Characters
    chunks: Chunks
    counts: np.ndarray
    lines: Lines


def assemble(
    data: np.ndarray, characters: Characters, chunks: Chunks, counts: np.ndarray, lines: Lines, pieces: Pieces
) -> Assembled:
    """The text of the pieces. `counts` are the words in each of `chunks`."""
    found = _assemble(data, characters, chunks, counts, lines, pieces)
    made = Characters(found[2], characters.classes, *found[3:6])
    return Assembled(found[0], found[1], made, Chunks(*found[6:10]), found[10], Lines(*found[11:]))


@compiled
def _assemble(data, characters, chunks, counts, lines, pieces):
    classes, piece_offsets = characters.classes, pieces.doc_offsets
    text, offsets, codes, byte_index, doc_offsets = _assemble_characters(
        data, characters.codes, characters.byte_index, characters.doc_offsets,
        pieces.starts, pieces.ends, pieces.broken, piece_offsets,
    )  # fmt: skip
    made_chunks = _assemble_chunks(
        chunks.starts, chunks.ends, chunks.kinds, chunks.doc_offsets, counts,
        pieces.starts, pieces.ends, pieces.broken, piece_offsets, codes, classes, doc_offsets,
    )  # fmt: skip
    made_lines = _assemble_lines(
        text, codes, classes, byte_index, doc_offsets,
        lines.starts, lines.ends, lines.hashes, lines.seen, lines.doc_offsets,
        pieces.starts, pieces.ends, pieces.broken, piece_offsets,
    )  # fmt: skip
    newlines = _newlines_of(made_lines[1], made_lines[4])
    return (text, offsets, codes, byte_index, doc_offsets, newlines) + made_chunks + made_lines  # noqa: RUF005  numba's way


@compiled
def _newlines_of(ends, line_offsets):
    """The characters after lines, but each document's last."""
    newlines, n = np.empty(len(ends) - len(line_offsets) + 1, np.int64), 0
    for d in range(len(line_offsets) - 1):
        for line in range(line_offsets[d], line_offsets[d + 1] - 1):
            newlines[n] = ends[line]
            n += 1
    return newlines


@compiled
def _assemble_characters(
    data, codes, byte_index, doc_offsets, piece_starts, piece_ends, broken, piece_offsets
):  # fmt: skip
    size = np.int64(0)
    for p in range(len(piece_starts)):
        size += piece_ends[p] - piece_starts[p] + broken[p]
    most = byte_at(codes, byte_index, len(codes)) - byte_at(codes, byte_index, 0) + len(piece_starts)
    length, last = index_size(size, len(byte_index))
    text, new_codes, new_index = np.empty(most, np.uint8), np.empty(size + BLOCK, np.uint8), np.empty(length, np.int32)
    new_offsets, new_doc_offsets = np.zeros((2, len(doc_offsets)), np.int64)
    new_index[0], new_index[last] = last, 0
    n = b = np.int64(0)
    for d in range(len(doc_offsets) - 1):
        p, after, low, start = piece_offsets[d], piece_offsets[d + 1], n, b
        n, b = _copy_characters(
            data, codes, byte_index, piece_starts[p:after], piece_ends[p:after], broken[p:after], text, new_codes, n, b
        )
        last = index_bytes(text[:b], start, b, new_codes, low, n, new_index, last)
        new_offsets[d + 1], new_doc_offsets[d + 1] = b, n
    return text[:b], new_offsets, new_codes[:n], new_index[: last + 1], new_doc_offsets


@compiled
def _assemble_chunks(
    starts, ends, kinds, chunk_offsets, counts, piece_starts, piece_ends, broken, piece_offsets,
    new_codes, classes, new_doc_offsets,
):  # fmt: skip
    most = len(starts) + len(piece_starts) + 1  # a piece cuts one chunk in two at most
    new_starts, new_ends = np.empty(most + OFTEN, np.int32), np.empty(most + OFTEN, np.int32)
    new_kinds, new_counts = np.empty(most + BLOCK, np.uint8), np.empty(most, np.int32)
    offsets = np.zeros(len(chunk_offsets), np.int64)
    m = np.int64(0)
    for d in range(len(offsets) - 1):
        p, last, k, after = piece_offsets[d], piece_offsets[d + 1], chunk_offsets[d], chunk_offsets[d + 1]
        low, high = new_doc_offsets[d], new_doc_offsets[d + 1]
        some = _copy_chunks(
            starts[k:after], ends[k:after], kinds[k:after], counts[k:after],
            piece_starts[p:last], piece_ends[p:last], broken[p:last],
            new_starts, new_ends, new_kinds, new_counts, low, m,
        )  # fmt: skip
        if some < 0:
            some = scan_chunks(new_codes, classes, low, high, new_starts, new_ends, new_kinds, m)
            new_counts[m:some] = _UNKNOWN
        m = offsets[d + 1] = some
    return new_starts[:m], new_ends[:m], new_kinds[:m], offsets, new_counts[:m]


@compiled
def _assemble_lines(
    text, new_codes, classes, new_index, new_doc_offsets, starts, ends, hashes, seen, line_offsets,
    piece_starts, piece_ends, broken, piece_offsets,
):  # fmt: skip
    most = len(starts) + len(piece_starts) + len(line_offsets)
    new_starts, new_ends = np.empty(most, np.int64), np.empty(most, np.int64)
    new_hashes, new_seen = np.empty(most, np.uint64), np.empty(most, np.uint32)
    offsets = np.zeros(len(line_offsets), np.int64)
    m = np.int64(0)
    for d in range(len(offsets) - 1):
        p, last, line, after = piece_offsets[d], piece_offsets[d + 1], line_offsets[d], line_offsets[d + 1]
        m = _copy_lines(
            text, new_codes, classes, new_index, starts[line:after], ends[line:after], hashes[line:after],
            seen[line:after], piece_starts[p:last], piece_ends[p:last], broken[p:last],
            new_starts, new_ends, new_hashes, new_seen, new_doc_offsets[d], m,
        )  # fmt: skip
        offsets[d + 1] = m
    return new_starts[:m], new_ends[:m], new_hashes[:m], new_seen[:m], offsets


@called
def _copy_lines(
    text, new_codes, classes, new_index, starts, ends, hashes, seen, piece_starts, piece_ends, broken,
    new_starts, new_ends, new_hashes, new_seen, n, m,
):  # fmt: skip
    """Write the lines of a document's pieces, the first of which begins at character `n`, after the first `m`; how many
    there are then. Those that are whole lines of the other text need no second look."""
    line, begun, known = 0, n, len(piece_starts) > 0
    if not known:
        new_starts[m], new_ends[m] = n, n
    for p in range(len(piece_starts)):
        low, high = np.int64(piece_starts[p]), np.int64(piece_ends[p])
        if broken[p]:
            m = _end_line(text, new_codes, classes, new_index, new_starts, new_ends, new_hashes, new_seen, known, m)
            n += 1
            begun = n
        known = n == begun
        while ends[line] < low:
            line += 1
        while True:
            whole = starts[line] >= low and ends[line] <= high
            new_starts[m], new_ends[m] = begun, n + min(high, ends[line]) - low
            known = known and whole
            if known:
                new_hashes[m], new_seen[m] = hashes[line], seen[line]
            if ends[line] >= high:
                break
            m = _end_line(text, new_codes, classes, new_index, new_starts, new_ends, new_hashes, new_seen, known, m)
            line += 1
            begun, known = n + starts[line] - low, True
        n += high - low
    return _end_line(text, new_codes, classes, new_index, new_starts, new_ends, new_hashes, new_seen, known, m)


@inlined
def _end_line(text, new_codes, classes, new_index, new_starts, new_ends, new_hashes, new_seen, known, m):
    """Look at line `m` where it is not known; the next one's number."""
    if not known:
        look_at_lines(
            text, new_codes, classes, new_index, new_starts[m : m + 1], new_ends[m : m + 1],
            new_hashes[m : m + 1], new_seen[m : m + 1],
        )  # fmt: skip
    return m + 1


@called
def _copy_characters(data, codes, byte_index, piece_starts, piece_ends, broken, text, new_codes, n, b):
    """Write the characters of a document's pieces after the first `n`, of `b` bytes; how many of both there are."""
    for p in range(len(piece_starts)):
        low, high = np.int64(piece_starts[p]), np.int64(piece_ends[p])
        if broken[p]:
            text[b], new_codes[n] = NEWLINE, NEWLINE
            b += 1
            n += 1
        first, after = byte_at(codes, byte_index, low), byte_at(codes, byte_index, high)
        copy(data[first:after], text[b : b + after - first])
        copy(codes[low:high], new_codes[n : n + high - low])
        b += after - first
        n += high - low
    return n, b


@called
def _copy_chunks(
    starts, ends, kinds, counts, piece_starts, piece_ends, broken, new_starts, new_ends, new_kinds, new_counts, n, m
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
        copy(kinds[first:k], new_kinds[m : m + copied])
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
def strip_pieces(codes, classes, starts, ends, first, n):
    """Take the white space at a document's end off its pieces `first..n`; how many pieces are left."""
    while n > first:
        while ends[n - 1] > starts[n - 1] and classes[codes[ends[n - 1] - 1]] & SPACE:
            ends[n - 1] -= 1
        if ends[n - 1] > starts[n - 1]:
            break
        n -= 1
    return n


@called
def shift(source, by, target):
    """Copy numbers, each greater by so much."""
    for i in range(len(source)):
        target[i] = np.int32(source[i] + by)
