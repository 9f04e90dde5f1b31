"""Documents to sequences of one width: joined by an end-of-document token, and cut.

Every token of every document lands in exactly one sequence, in order: a document that does not fit goes on in
the next sequence. What is left at the end fills one more sequence, made up with padding, which losses leave
out. `pipeline.best_fit` is the other way to pack, which cuts fewer documents; `pipeline.masked` packs for encoders.
Source: Brown et al. 2020 (GPT-3), section 2 and appendix B.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.tokens import TokenIds

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Stream:
    """Tokens waiting to be cut; document i begins at `starts[i]` and ends where the next one begins."""

    tokens: TokenIds
    starts: Positions
    doc_ids: list[str]


def join_documents(documents: Sequence[TokenIds], end_id: int, dtype: npt.DTypeLike) -> tuple[TokenIds, Positions]:
    """Documents end to end, `end_id` after each, and the length of each with it."""
    end = np.array([end_id], dtype)
    lengths = np.array([len(ids) + 1 for ids in documents], np.int64)
    pieces = [part for ids in documents for part in (ids, end)]
    return np.concatenate(pieces) if pieces else end[:0], lengths


def sequences_table(
    tokens: TokenIds, width: int, edges: Positions, starts: Positions, doc_ids: pa.Array[Any]
) -> pa.Table:
    """Sequences as rows of `SEQUENCES`, their tokens not copied.

    Args:
        tokens: One sequence after another.
        width: Tokens of each.
        edges: int64[sequences + 1]; sequence i has the stretches `edges[i]:edges[i + 1]`.
        starts: Where each stretch of a document begins in its sequence.
        doc_ids: The document of each.
    """
    kind = pa.binary(width * tokens.dtype.itemsize)
    little: Any = np.ascontiguousarray(tokens, tokens.dtype.newbyteorder("<"))
    column: pa.Array[Any] = pa.Array.from_buffers(kind, len(tokens) // width, [None, pa.py_buffer(little)])
    offsets = pa.array(edges, pa.int32())
    return pa.table(
        {
            "tokens": column,
            "doc_starts": pa.ListArray.from_arrays(offsets, pa.array(starts, pa.int32())),
            "doc_ids": pa.ListArray.from_arrays(offsets, doc_ids),
        }
    )


def tokens_of(sequences: pa.Table, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """The tokens of `SEQUENCES` rows, `dtype`[sequences, width]."""
    joined = b"".join(bytes(row or b"") for row in sequences["tokens"].to_pylist())
    flat = np.frombuffer(joined, np.dtype(dtype).newbyteorder("<"))
    return flat.reshape(sequences.num_rows, -1) if sequences.num_rows else flat.reshape(0, 0)


class Packer:
    """Cuts a stream of documents into sequences; remembers what did not fill one yet.

    Args:
        width: Tokens of a stored sequence: the model's sequence length and one more, so that every position
            it sees has a target. Sequences do not overlap, so the first token of each is never a target.
        end_id: Token written after every document.
        pad_id: Token that fills the last sequence.
        dtype: Type of the ids.

    Attributes:
        cut_documents: Documents so far that lie in more than one sequence.
        padding_tokens: Padding so far.
    """

    def __init__(self, width: int, end_id: int, pad_id: int, dtype: npt.DTypeLike = np.uint16) -> None:
        self.width, self.end_id, self.pad_id, self.dtype = width, end_id, pad_id, np.dtype(dtype)
        self.cut_documents = self.padding_tokens = 0
        self._waiting = self._nothing()

    def add(self, doc_ids: Sequence[str], documents: Sequence[TokenIds]) -> pa.Table:
        """The sequences these documents complete, as `SEQUENCES` rows; often none."""
        stream = self._join(doc_ids, documents)
        whole = len(stream.tokens) // self.width * self.width
        self._waiting = _after(stream, whole)
        return _cut(stream, whole, self.width)

    def finish(self) -> pa.Table:
        """The last sequence, padded; no row when nothing waits."""
        waiting = self._waiting
        missing = -len(waiting.tokens) % self.width
        padded = np.concatenate([waiting.tokens, np.full(missing, self.pad_id, self.dtype)])
        self.padding_tokens += missing
        self._waiting = self._nothing()
        return _cut(_Stream(padded, waiting.starts, waiting.doc_ids), len(padded), self.width, end=len(waiting.tokens))

    def _nothing(self) -> _Stream:
        return _Stream(np.zeros(0, self.dtype), np.zeros(0, np.int64), [])

    def _join(self, doc_ids: Sequence[str], documents: Sequence[TokenIds]) -> _Stream:
        tokens, lengths = join_documents(documents, self.end_id, self.dtype)
        starts = len(self._waiting.tokens) + np.cumsum(lengths) - lengths  # what waits begins a sequence
        self.cut_documents += int(np.count_nonzero(starts // self.width < (starts + lengths - 1) // self.width))
        return _Stream(
            np.concatenate([self._waiting.tokens, tokens]),
            np.concatenate([self._waiting.starts, starts]),
            [*self._waiting.doc_ids, *doc_ids],
        )


def _after(stream: _Stream, whole: int) -> _Stream:
    """What is left behind position `whole`; a document under way there begins at 0."""
    ends = np.append(stream.starts[1:], len(stream.tokens))
    left = np.flatnonzero(ends > whole)
    starts = np.maximum(stream.starts[left] - whole, 0)
    return _Stream(stream.tokens[whole:].copy(), starts, [stream.doc_ids[i] for i in left])


def _cut(stream: _Stream, whole: int, width: int, end: int | None = None) -> pa.Table:
    """The first `whole` tokens as sequences, each with the documents in it; documents end at `end`."""
    rows = whole // width
    document, row, position = _spans(stream.starts, min(whole, len(stream.tokens) if end is None else end), width)
    edges = np.searchsorted(row, np.arange(rows + 1))
    names = pa.array(stream.doc_ids, pa.string()).take(pa.array(document, pa.int64()))
    return sequences_table(stream.tokens[:whole], width, edges, position, names)


def _spans(starts: Positions, end: int, width: int) -> tuple[Positions, Positions, Positions]:
    """(document, row, position in it) of every stretch of a document in a row, in order, before `end`."""
    starts = starts[starts < end]
    ends = np.append(starts[1:], end)[: len(starts)]
    first, last = starts // width, (ends - 1) // width
    counts = last - first + 1
    document = np.repeat(np.arange(len(starts)), counts)
    row = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + first[document]
    position = np.where(row == first[document], starts[document] % width, 0)
    return document, row, position
