"""A token set small enough to train on in a test."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from model.config import Counts, ModelConfig, Split, TokenSet, TrainConfig

TINY = ModelConfig(vocab_size=64, d_model=32, n_layers=2, n_heads=4, n_kv_heads=2, ffn_multiple=16)
SHORT = TrainConfig(
    train_tokens=16 * 8 * 12, batch_tokens=16 * 8, learning_rate=1e-2, checkpoint_steps=4, eval_sequences=8
)
WIDTH = 17


@pytest.fixture(autouse=True)
def settled() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)


def write_sequences(path: Path, rows: int, seed: int, digest: str) -> None:
    """Sequences with something to learn: each token mostly decides the next."""
    generator = np.random.default_rng(seed)
    steps = generator.integers(1, 3, (rows, WIDTH))
    tokens = (steps.cumsum(axis=1) % 62 + 2).astype(np.uint16)
    column = pa.array(list(tokens), pa.list_(pa.uint16()))
    field = pa.field("tokens", column.type, metadata={"tokenizer_sha256": digest})
    pq.write_table(pa.table([column], schema=pa.schema([field])), path)


@pytest.fixture
def tokens_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "tokens"
    folder.mkdir()
    (folder / "tokenizer.json").write_text("{}")
    digest = hashlib.sha256(b"{}").hexdigest()
    splits = {}
    for name, rows in (("train", 40), ("held_out", 10)):
        write_sequences(folder / f"{name}-0.parquet", rows, len(name), digest)
        counts = Counts(documents=rows, tokens=rows * WIDTH, bytes=rows * WIDTH * 3)
        splits[name] = Split(files=(f"{name}-0.parquet",), sequences=rows, total=counts, unique=counts, domains={})
    meta = TokenSet(
        name="toy", fingerprint="f", corpus_fingerprint="c", tokenizer_sha256=digest, vocab_size=64, end_id=0,
        pad_id=1, end_of_document="<|end_of_text|>", padding="<|padding|>", sequence_length=WIDTH - 1,
        train=splits["train"], held_out=splits["held_out"], left_out=Counts(),
    )  # fmt: skip
    (folder / "meta.json").write_text(meta.model_dump_json())
    return folder
