"""The loader: every sequence once an epoch, from any position, on any number of ranks, as it lies on the disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.data import Loader, Sequences, open_tokens, read_sequences
from model.order import Order, share
from storage.errors import ShardFailed
from storage.mapped import open_fixed

from .conftest import WIDTH

PAD = 1


def numbered(rows: int) -> Sequences:
    """Sequences of one token, their number."""
    return Sequences([np.arange(rows, dtype=np.uint16).view(np.uint8).reshape(rows, 2)], [], np.uint16)


@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 5), st.integers(0, 40))
def test_every_sequence_is_seen_once_an_epoch_from_any_position(rows: int, batch: int, seed: int, skip: int) -> None:
    order = Order(rows, seed)
    seen = np.concatenate([order.rows(i * batch, batch) for i in range(60)]).tolist()
    for epoch in range(60 * batch // rows):
        assert sorted(seen[epoch * rows : (epoch + 1) * rows]) == list(range(rows))
    assert Order(rows, seed).rows(skip * batch, batch).tolist() == seen[skip * batch : (skip + 1) * batch]


@given(st.integers(1, 20), st.integers(0, 3), st.integers(0, 70), st.sets(st.integers(0, 19), max_size=5))
def test_from_a_sequence_one_finds_the_positions_that_saw_it(rows: int, seed: int, seen: int, wanted: set[int]) -> None:
    order = Order(rows, seed)
    drawn = order.rows(0, seen).tolist()
    assert order.positions_of(wanted, seen).tolist() == [i for i, row in enumerate(drawn) if row in wanted]


@given(st.integers(0, 50), st.integers(1, 8))
def test_the_parts_of_ranks_are_the_batch(size: int, ranks: int) -> None:
    whole = list(range(size))
    parts = [whole[share(size, rank, ranks)] for rank in range(ranks)]
    assert [row for part in parts for row in part] == whole
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    order = Order(50, 0)
    assert order.epoch(0).tolist() != order.epoch(1).tolist()
    assert order.epoch(0).tolist() != Order(50, 1).epoch(0).tolist()


def test_tokens_are_mapped_not_read_and_are_what_was_written(tokens_dir: Path) -> None:
    parts, _, mapped = open_fixed(str(tokens_dir / "train-0.parquet"), "tokens")
    assert mapped == len(parts) == 3  # groups of 16 of 40 rows
    assert all(not part.flags.owndata and not part.flags.writeable for part in parts)
    read = pq.read_table(tokens_dir / "train-0.parquet")["tokens"].to_pylist()
    assert [bytes(row) for part in parts for row in part] == read


def test_files_of_other_writers_are_decoded_to_the_same(tokens_dir: Path, tmp_path: Path) -> None:
    table = pq.read_table(tokens_dir / "train-0.parquet")
    pq.write_table(table, tmp_path / "other.parquet", compression="zstd", row_group_size=7)
    parts, _, mapped = open_fixed(str(tmp_path / "other.parquet"), "tokens")
    assert mapped == 0
    assert [bytes(row) for part in parts for row in part] == table["tokens"].to_pylist()
    with pytest.raises(ShardFailed, match="fixed-size"):
        open_fixed(str(tmp_path / "other.parquet"), "domain")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1")
    with pytest.raises(ShardFailed):
        open_fixed(str(tmp_path / "torn.parquet"), "tokens")


def test_a_batch_says_which_document_each_position_is_of(tokens_dir: Path) -> None:
    tokens = open_tokens(str(tokens_dir))
    sequences = read_sequences(str(tokens_dir), tokens, tokens.train.files)
    rows = np.array([3, 0, 2, 39])
    plain = [[int(row % 2 and at >= WIDTH // 2) for at in range(WIDTH)] for row in rows]
    assert sequences.documents(rows).tolist() == plain
    assert sequences.domains == {}
    held_out = read_sequences(str(tokens_dir), tokens, tokens.held_out.files)
    assert {name: found.tolist() for name, found in held_out.domains.items()} == {
        "code": [1, 3, 5, 7, 9], "web": [0, 2, 4, 6, 8],
    }  # fmt: skip


def test_padding_is_of_no_document() -> None:
    sequences = numbered(8)
    sequences.__dict__["_doc_starts"] = np.zeros(8, np.int32), np.arange(9)
    batch = Loader(sequences, 8, 0, PAD).at(0)
    assert (batch.documents[batch.tokens == PAD] == -1).all() and (batch.documents[batch.tokens != PAD] == 0).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 9), st.integers(0, 50), st.integers(1, 7))
def test_ranks_share_the_same_global_batches(batch: int, position: int, count: int) -> None:
    sequences = numbered(20)
    sequences.__dict__["_doc_starts"] = np.zeros(20, np.int32), np.arange(21)
    alone = list(Loader(sequences, batch, 3, PAD).run(position, count))
    pair = [list(Loader(sequences, batch, 3, PAD, rank, 2).run(position, count)) for rank in range(2)]
    assert [item.position for item in alone] == [position + i * batch for i in range(count)]
    for whole, first, second in zip(alone, *pair, strict=True):
        assert whole.tokens.tolist() == first.tokens.tolist() + second.tokens.tolist()
        assert whole.digest == first.digest == second.digest
    assert len({item.digest for item in alone}) == count or batch * count > 20


def test_an_error_of_the_thread_comes_to_who_takes_and_leaving_early_ends_it(tokens_dir: Path) -> None:
    sequences = numbered(4)
    loader = Loader(sequences, 2, 0, PAD)  # no file says where its documents begin
    with pytest.raises(Exception, match="table"):
        list(loader.run(0, 3))
    tokens = open_tokens(str(tokens_dir))
    running = Loader(read_sequences(str(tokens_dir), tokens, tokens.train.files), 2, 0, PAD).run(0, 10**9)
    assert next(running).position == 0
    running.close()
