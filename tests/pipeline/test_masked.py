"""Packing for encoders: every sequence opens with [CLS], every piece ends with [SEP], nothing lost or repeated."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.masked import MaskedPacker
from pipeline.packing import tokens_of

CLASS, SEPARATOR, PAD = 2, 3, 1
DOCUMENTS = st.lists(st.lists(st.integers(4, 60_000), max_size=40), max_size=20)


def pack(
    documents: list[list[int]], width: int, batch: int = 100, window: int = 1 << 22
) -> tuple[pa.Table, MaskedPacker]:
    packer = MaskedPacker(width, CLASS, SEPARATOR, PAD, np.uint16, window)
    ids = [f"d{i}" for i in range(len(documents))]
    arrays = [np.array(document, np.uint16) for document in documents]
    parts = [packer.add(ids[s : s + batch], arrays[s : s + batch]) for s in range(0, len(documents), batch)]
    return pa.concat_tables([*parts, packer.finish()]), packer


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS, st.integers(3, 40), st.sampled_from([30, 1 << 22]), st.sampled_from([3, 100]))
def test_pieces_are_whole_and_in_order(documents: list[list[int]], width: int, window: int, batch: int) -> None:
    table, packer = pack(documents, width, batch, window)
    pieces: dict[str, list[list[int]]] = {}
    tokens = tokens_of(table, np.uint16)
    for row, line in zip(table.to_pylist(), tokens.tolist(), strict=True):
        assert len(line) == width and line[0] == CLASS and row["doc_starts"][0] == 1
        for name, start, stop in zip(row["doc_ids"], row["doc_starts"], [*row["doc_starts"][1:], width], strict=True):
            piece = line[start:stop]
            end = piece.index(SEPARATOR)
            assert set(piece[end + 1 :]) <= {PAD}
            pieces.setdefault(name, []).append(piece[:end])
    assert {name: list(chain(*parts)) for name, parts in pieces.items()} == {
        f"d{i}": document for i, document in enumerate(documents)
    }
    assert packer.cut_documents == sum(len(parts) > 1 for parts in pieces.values())
    assert packer.padding_tokens == int((tokens == PAD).sum())


def test_a_sequence_as_bert_wants_it() -> None:
    table, _ = pack([[10, 11, 12], [20]], 8)
    assert tokens_of(table, np.uint16).tolist() == [[CLASS, 10, 11, 12, SEPARATOR, 20, SEPARATOR, PAD]]
    assert table["doc_starts"].to_pylist() == [[1, 5]] and table["doc_ids"].to_pylist() == [["d0", "d1"]]


def test_nothing_gives_no_sequences() -> None:
    assert pack([], 8)[0].num_rows == 0
