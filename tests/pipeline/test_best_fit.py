"""Best-fit packing: nothing lost or repeated, nothing cut that fits, and best fit by a plain twin."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.best_fit import BestFitPacker
from pipeline.kernels.fitting import fit_pieces
from pipeline.packing import Packer

END, PAD = 0, 1


def tokens_in(row: dict[str, Any]) -> list[int]:
    return np.frombuffer(row["tokens"], "<u2").tolist()


DOCUMENTS = st.lists(st.lists(st.integers(2, 60_000), max_size=30), max_size=25)


def fit_plainly(lengths: list[int], width: int) -> list[int]:
    room: list[int] = []
    filled_last: list[int] = []
    chosen: dict[int, int] = {}
    for turn, piece in enumerate(sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))):
        fitting = [b for b in range(len(room)) if room[b] >= lengths[piece]]
        if not fitting:
            fitting = [len(room)]
            room.append(width)
            filled_last.append(-1)
        chosen[piece] = min(fitting, key=lambda b: (room[b], -filled_last[b]))
        room[chosen[piece]] -= lengths[piece]
        filled_last[chosen[piece]] = turn
    last = {chosen[piece]: piece for piece in range(len(lengths))}
    names = {name: number for number, name in enumerate(sorted(last, key=last.__getitem__))}
    return [names[chosen[piece]] for piece in range(len(lengths))]


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 40).flatmap(lambda w: st.tuples(st.just(w), st.lists(st.integers(1, w), max_size=40))))
def test_pieces_go_where_best_fit_puts_them(case: tuple[int, list[int]]) -> None:
    width, lengths = case
    assert fit_pieces(np.array(lengths, np.int64), width).tolist() == fit_plainly(lengths, width)


def pack(documents: list[list[int]], width: int, batch: int = 100, window: int = 1 << 22) -> tuple[pa.Table, Any]:
    packer = BestFitPacker(width, END, PAD, window_tokens=window)
    ids = [f"d{i}" for i in range(len(documents))]
    arrays = [np.array(document, np.uint16) for document in documents]
    starts = range(0, len(documents), batch)
    parts = [packer.add(ids[s : s + batch], arrays[s : s + batch]) for s in starts]
    return pa.concat_tables([*parts, packer.finish()]), packer


def stretches(rows: list[dict[str, Any]]) -> dict[str, list[list[int]]]:
    """Of every document the stretches it was cut to, without padding, by a plain loop."""
    found: dict[str, list[list[int]]] = {}
    for row in rows:
        stops = [*row["doc_starts"][1:], len(tokens_in(row))]
        for doc_id, start, stop in zip(row["doc_ids"], row["doc_starts"], stops, strict=True):
            tokens = tokens_in(row)[start:stop]
            found.setdefault(doc_id, []).append(tokens[: tokens.index(END) + 1] if END in tokens else tokens)
    return found


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS, st.integers(2, 40), st.sampled_from([1, 50, 1 << 22]))
def test_nothing_is_lost_and_nothing_cut_that_fits(documents: list[list[int]], width: int, window: int) -> None:
    table, packer = pack(documents, width, window=window)
    rows = table.to_pylist()
    assert all(len(tokens_in(row)) == width for row in rows)
    found = stretches(rows)
    assert {name: list(chain(*parts)) for name, parts in found.items()} == {
        f"d{i}": [*document, END] for i, document in enumerate(documents)
    }
    for parts in found.values():
        assert len(parts) == -(-sum(map(len, parts)) // width)
    assert packer.cut_documents == sum(len(parts) > 1 for parts in found.values())
    used = sum(len(document) + 1 for document in documents)
    assert packer.padding_tokens == len(rows) * width - used == sum(tokens_in(row).count(PAD) for row in rows)


@settings(max_examples=50, deadline=None)
@given(DOCUMENTS, st.integers(2, 40), st.sampled_from([30, 200]))
def test_batches_make_no_difference(documents: list[list[int]], width: int, window: int) -> None:
    whole, pieces = pack(documents, width, 100, window)[0], pack(documents, width, 3, window)[0]
    assert whole.to_pylist() == pieces.to_pylist()


def test_it_cuts_fewer_documents_than_concatenation_for_little_padding() -> None:
    generator = np.random.default_rng(0)
    documents = [list(range(2, 2 + int(n))) for n in generator.integers(5, 400, 2_000)]
    table, packer = pack(documents, 513)
    plain = Packer(513, END, PAD)
    plain.add([str(i) for i in range(2_000)], [np.array(document, np.uint16) for document in documents])
    assert packer.cut_documents == 0 and plain.cut_documents > 500
    assert packer.padding_tokens < 0.01 * table.num_rows * 513


def test_nothing_gives_no_sequences() -> None:
    assert pack([], 4)[0].num_rows == 0
