"""Packing: every token of every document in exactly one sequence, wherever the batches end."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.packing import Packer
from storage.schema import SEQUENCES

END, PAD = 0, 1


def tokens_in(row: dict[str, Any]) -> list[int]:
    return np.frombuffer(row["tokens"], "<u2").tolist()


DOCUMENTS = st.lists(st.lists(st.integers(2, 60_000), max_size=30), max_size=25)


def pack(documents: list[list[int]], width: int, batches: int) -> pa.Table:
    packer = Packer(width, END, PAD)
    ids = [f"d{i}" for i in range(len(documents))]
    arrays = [np.array(document, np.uint16) for document in documents]
    edges = np.linspace(0, len(documents), batches + 1).astype(int)
    parts = [packer.add(ids[a:b], arrays[a:b]) for a, b in itertools.pairwise(edges)]
    return pa.concat_tables([*parts, packer.finish()])


def unpack(rows: list[dict[str, Any]]) -> list[tuple[str, list[int]]]:
    """The documents again, from positions and ids alone, by a plain loop."""
    pieces: dict[str, list[int]] = {}
    for row in rows:
        stops = [*row["doc_starts"][1:], len(tokens_in(row))]
        for doc_id, start, stop in zip(row["doc_ids"], row["doc_starts"], stops, strict=True):
            pieces.setdefault(doc_id, []).extend(tokens_in(row)[start:stop])
    return list(pieces.items())


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS, st.integers(2, 40), st.integers(1, 5))
def test_packing_loses_and_repeats_nothing(documents: list[list[int]], width: int, batches: int) -> None:
    rows = pack(documents, width, batches).to_pylist()
    assert all(len(tokens_in(row)) == width for row in rows)
    found = unpack(rows)
    if found:  # the last document's stretch runs into the padding
        name, tokens = found[-1]
        found[-1] = (name, tokens[: tokens.index(END) + 1])
        assert set(tokens[tokens.index(END) + 1 :]) <= {PAD} and len(tokens) - tokens.index(END) - 1 < width
    assert found == [(f"d{i}", [*document, END]) for i, document in enumerate(documents)]


@settings(max_examples=50, deadline=None)
@given(DOCUMENTS, st.integers(2, 40))
def test_batches_make_no_difference(documents: list[list[int]], width: int) -> None:
    assert pack(documents, width, 1).to_pylist() == pack(documents, width, 7).to_pylist()


def test_first_span_of_a_sequence_starts_at_zero() -> None:
    rows = pack([[5, 6, 7, 8, 9], [10]], 4, 1).to_pylist()
    assert [tokens_in(row) for row in rows] == [[5, 6, 7, 8], [9, END, 10, END]]
    assert [row["doc_starts"] for row in rows] == [[0], [0, 2]]
    assert [row["doc_ids"] for row in rows] == [["d0"], ["d0", "d1"]]


def test_the_end_mark_may_open_a_sequence() -> None:
    rows = pack([[5, 6, 7, 8]], 4, 1).to_pylist()
    assert [tokens_in(row) for row in rows] == [[5, 6, 7, 8], [END, PAD, PAD, PAD]]
    assert rows[1]["doc_ids"] == ["d0"]


def test_nothing_gives_no_sequences_and_the_table_is_the_lakes() -> None:
    table = pack([], 4, 1)
    assert table.num_rows == 0
    assert [*pack([[3]], 4, 1).schema.names, "domain"] == SEQUENCES.names
