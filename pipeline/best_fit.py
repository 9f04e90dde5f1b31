"""Documents to sequences of one width without cutting those that fit: best-fit packing.

A document longer than a sequence is cut to whole sequences and a rest; rests and short documents are put together
so that little room is left, which padding fills. Every token of every document lands in exactly one sequence.
Source: Ding et al. (2024), "Fewer Truncations Improve Language Modeling", arXiv:2404.10830.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.kernels.fitting import fit_pieces
from pipeline.packing import Positions, join_documents, sequences_table
from pipeline.tokens import TokenIds

WINDOW_TOKENS = 1 << 22
"""Documents are packed among their neighbours of about so many tokens: the order stays shuffled, memory bounded."""


class BestFitPacker:
    """As `packing.Packer`, and with the same rows; where it cuts the stream of documents depends on them alone.

    Args:
        width: Tokens of a stored sequence.
        end_id: Token written after every document.
        pad_id: Token that fills the room left in a sequence.
        dtype: Type of the ids.
        window_tokens: Documents packed together, in tokens.

    Attributes:
        cut_documents: Documents so far that lie in more than one sequence: those longer than one.
        padding_tokens: Padding so far.
    """

    def __init__(
        self,
        width: int,
        end_id: int,
        pad_id: int,
        dtype: npt.DTypeLike = np.uint16,
        window_tokens: int = WINDOW_TOKENS,
    ) -> None:
        self.width, self.end_id, self.pad_id = width, end_id, pad_id
        self.dtype, self.window_tokens = np.dtype(dtype), window_tokens
        self.cut_documents = self.padding_tokens = 0
        self._documents: list[TokenIds] = []
        self._doc_ids: list[str] = []
        self._waiting = 0

    def add(self, doc_ids: Sequence[str], documents: Sequence[TokenIds]) -> pa.Table:
        """The sequences of the windows these documents fill, as `SEQUENCES` rows; often none."""
        windows: list[pa.Table] = []
        for name, ids in zip(doc_ids, documents, strict=True):
            self._doc_ids.append(name)
            self._documents.append(ids)
            self._waiting += len(ids) + 1
            if self._waiting >= self.window_tokens:
                windows.append(self.finish())
        nothing = _pack([], *join_documents([], self.end_id, self.dtype), self.width, self.pad_id)
        return pa.concat_tables(windows or [nothing])

    def finish(self) -> pa.Table:
        """The sequences of what waits; no row when nothing does."""
        tokens, lengths = join_documents(self._documents, self.end_id, self.dtype)
        table = _pack(self._doc_ids, tokens, lengths, self.width, self.pad_id)
        self.cut_documents += int(np.count_nonzero(lengths > self.width))
        self.padding_tokens += table.num_rows * self.width - len(tokens)
        self._documents, self._doc_ids, self._waiting = [], [], 0
        return table


def _pack(doc_ids: list[str], tokens: TokenIds, lengths: Positions, width: int, pad_id: int) -> pa.Table:
    document, sizes = _pieces(lengths, width)
    rows_of = fit_pieces(sizes, width)
    order = np.argsort(rows_of, kind="stable")  # by sequence, and within it by document
    document, sizes, source, row = document[order], sizes[order], (np.cumsum(sizes) - sizes)[order], rows_of[order]
    rows = int(row[-1]) + 1 if len(row) else 0
    edges = np.searchsorted(row, np.arange(rows + 1))
    position = np.cumsum(sizes) - sizes
    position -= np.repeat(position[edges[:-1]], np.diff(edges))
    packed = np.full(rows * width, pad_id, tokens.dtype)
    for start, size, target in zip(source, sizes, row * width + position, strict=True):
        packed[target : target + size] = tokens[start : start + size]
    names = pa.array(doc_ids, pa.string()).take(pa.array(document, pa.int64()))
    return sequences_table(packed, width, edges, position, names)


def _pieces(lengths: Positions, width: int) -> tuple[Positions, Positions]:
    """Documents cut to at most `width`: the document and the size of each piece, in order."""
    counts = -(-lengths // width)
    document = np.repeat(np.arange(len(lengths)), counts)
    sizes = np.full(len(document), width, np.int64)
    last = np.cumsum(counts) - 1
    sizes[last] = lengths - (counts - 1) * width
    return document, sizes
