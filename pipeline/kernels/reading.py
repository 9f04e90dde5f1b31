"""A text looked at once: its characters, chunks, lines and words.

Document by document, so that each pass finds what the one before it wrote in the nearest cache.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="no-any-return"
from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.kernels.characters import (
    AT_ONCE,
    BLOCK,
    Characters,
    decode_document,
    index_bytes,
    index_size,
    longest_run,
)
from pipeline.kernels.chunks import OFTEN, Chunks, find_edges
from pipeline.kernels.classes import coding
from pipeline.kernels.compiled import called, compiled
from pipeline.kernels.lines import NEWLINE, Lines, cut_lines, look_at_lines
from pipeline.kernels.words import Words, read_chunks


class Reading(NamedTuple):
    """What a batch's text is made of."""

    characters: Characters
    chunks: Chunks
    lines: Lines
    words: Words


def read_texts(data: np.ndarray, offsets: np.ndarray) -> Reading:
    """Everything in one pass over valid UTF-8 (as Arrow keeps it): uint8[bytes] and int64[documents + 1] byte
    offsets."""
    if offsets[-1] >= 1 << 31:
        raise ValueError(
            f"a batch holds at most 2 GiB of text, this one ends at byte {offsets[-1]:,}: give fewer documents"
        )
    codes, classes = coding()
    found = _read_texts(data, offsets, codes, classes)
    characters = Characters(found[0], classes, *found[1:4])
    return Reading(characters, Chunks(*found[4:8]), Lines(*found[8:13]), Words(*found[13:]))


_CHARACTERS_A_WORD = 4
"""Few texts have more words, with marks counted: memory that is not taken is not faulted in page by page."""


@compiled
def _read_texts(data, offsets, table, classes):
    documents, most, longest = len(offsets) - 1, offsets[-1] - offsets[0], longest_run(offsets)
    size, last = index_size(most, most // 2)  # what is beyond ASCII has two bytes or more
    codes, byte_index = np.empty(most + BLOCK, np.uint8), np.empty(size, np.int32)
    newlines = np.empty(_count_newlines(data[offsets[0] : offsets[-1]]), np.int64)
    most_lines, most_chunks = len(newlines) + documents, most // 2 + documents
    chunk_starts, chunk_ends = np.empty(most_chunks + OFTEN, np.int32), np.empty(most_chunks + OFTEN, np.int32)
    shapes, per_chunk = np.empty(most_chunks + BLOCK, np.uint8), np.empty(most_chunks, np.int32)
    starts, ends, line_seen = (
        np.empty(most_lines, np.int64),
        np.empty(most_lines, np.int64),
        np.empty(most_lines, np.uint32),
    )
    line_hashes = np.empty(most_lines, np.uint64)
    room = most // _CHARACTERS_A_WORD + longest  # made larger where it does not do
    hashes, chars, kinds = np.empty(room, np.uint64), np.empty(room, np.int32), np.empty(room, np.uint8)
    doc_offsets, chunk_offsets, line_offsets, word_offsets = np.zeros((4, documents + 1), np.int64)
    breaks = np.zeros(longest + AT_ONCE, np.uint8)
    byte_index[0], byte_index[last] = last, offsets[0]
    n = k = m = w = newline = np.int64(0)
    for d in range(documents):
        low, chunk, line, found = n, k, m, newline
        n, newline = decode_document(data, offsets[d], offsets[d + 1], table, codes, n, newlines, newline)
        last = index_bytes(data, offsets[d], offsets[d + 1], codes, low, n, byte_index, last)
        k = find_edges(codes, low, n, chunk_starts, chunk_ends, k)
        m = cut_lines(low, n, newlines[found:newline], starts, ends, m)
        look_at_lines(
            data,
            codes,
            classes,
            byte_index,
            starts[line:m],
            ends[line:m],
            line_hashes[line:m],
            line_seen[line:m],
        )
        if w + n - low > len(hashes):
            hashes = np.concatenate((hashes, np.empty(most, np.uint64)))
            chars = np.concatenate((chars, np.empty(most, np.int32)))
            kinds = np.concatenate((kinds, np.empty(most, np.uint8)))
        w = read_chunks(
            data, codes, classes, byte_index, chunk_starts[chunk:k], chunk_ends[chunk:k], shapes[chunk:k],
            breaks, hashes, chars, kinds, per_chunk[chunk:k], w,
        )  # fmt: skip
        doc_offsets[d + 1], chunk_offsets[d + 1], line_offsets[d + 1], word_offsets[d + 1] = n, k, m, w
    return (
        codes[:n], byte_index[: last + 1], doc_offsets, newlines[:newline],
        chunk_starts[:k], chunk_ends[:k], shapes[:k], chunk_offsets,
        starts[:m], ends[:m], line_hashes[:m], line_seen[:m], line_offsets,
        hashes[:w], word_offsets, chars[:w], kinds[:w], per_chunk[:k],
    )  # fmt: skip


@called
def _count_newlines(data):
    found = np.int64(0)
    for byte in data:
        found += byte == NEWLINE
    return found
