"""Documents to sequences an encoder learns from: [CLS] piece [SEP] piece [SEP] ..., filled up with padding.

A piece is a document, or a part of one that is longer than a sequence; pieces are put together by best fit. The
stretches of a sequence (`doc_starts`) are its pieces, each with its [SEP]: by them a model is told the segments, and
attention is kept within a piece. [CLS] at position 0 belongs to no piece. Which tokens are masked is drawn anew
at every step of a training, not here.
Source: Devlin et al. 2019 (BERT), section 3.1; Liu et al. 2019 (RoBERTa), section 4.2, "full sentences".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.best_fit import WINDOW_TOKENS, BestFitPacker
from pipeline.packing import sequences_table, tokens_of
from pipeline.tokens import TokenIds


class MaskedPacker:
    """As `packing.Packer`, and with the same rows.

    Args:
        width: Tokens of a stored sequence, [CLS] included: the model's sequence length.
        class_id: Token that opens a sequence.
        separator_id: Token after every piece.
        pad_id: Token that fills the room left.
        dtype: Type of the ids.
        window_tokens: Documents packed together, in tokens.

    Attributes:
        cut_documents: Documents so far that are in more than one piece.
        padding_tokens: Padding so far.
    """

    def __init__(
        self,
        width: int,
        class_id: int,
        separator_id: int,
        pad_id: int,
        dtype: npt.DTypeLike = np.uint16,
        window_tokens: int = WINDOW_TOKENS,
    ) -> None:
        self.width, self.class_id, self.dtype = width, class_id, np.dtype(dtype)
        self.cut_documents = 0
        self._room = width - 2  # beside [CLS] and a [SEP]
        self._inner = BestFitPacker(width - 1, separator_id, pad_id, dtype, window_tokens)

    @property
    def padding_tokens(self) -> int:
        """Padding so far."""
        return self._inner.padding_tokens

    def add(self, doc_ids: Sequence[str], documents: Sequence[TokenIds]) -> pa.Table:
        """The sequences of the windows these documents fill, as `SEQUENCES` rows; often none."""
        pieces = [self._cut(ids) for ids in documents]
        self.cut_documents += sum(len(parts) > 1 for parts in pieces)
        names = [name for name, parts in zip(doc_ids, pieces, strict=True) for _ in parts]
        return self._opened(self._inner.add(names, [part for parts in pieces for part in parts]))

    def finish(self) -> pa.Table:
        """The sequences of what waits; no row when nothing does."""
        return self._opened(self._inner.finish())

    def _cut(self, ids: TokenIds) -> list[TokenIds]:
        return [ids[at : at + self._room] for at in range(0, max(len(ids), 1), self._room)]

    def _opened(self, rows: pa.Table) -> pa.Table:
        """With [CLS] before every sequence, and what is in it moved by one."""
        tokens = tokens_of(rows, self.dtype).reshape(rows.num_rows, self.width - 1)
        first = np.full((rows.num_rows, 1), self.class_id, self.dtype)
        starts: Any = rows["doc_starts"].combine_chunks()
        names: Any = rows["doc_ids"].combine_chunks()
        edges = np.concatenate([[0], np.cumsum(pc.list_value_length(starts).to_numpy())]).astype(np.int64)
        moved = starts.flatten().to_numpy() + 1
        return sequences_table(np.hstack([first, tokens]).reshape(-1), self.width, edges, moved, names.flatten())
