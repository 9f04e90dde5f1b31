"""A token set small enough to train on in a test."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from model.config import ModelConfig, TrainConfig
from model.token_set import Counts, Split, TokenSet
from pipeline.packing import sequences_table
from storage.schema import SEQUENCES
from storage.shards import ShardWriter

TINY = ModelConfig(vocab_size=64, d_model=32, n_layers=2, n_heads=4, n_kv_heads=2, ffn_multiple=16)
SHORT = TrainConfig(
    train_tokens=16 * 8 * 12, batch_tokens=16 * 8, learning_rate=1e-2, warmup_frac=0.05, beta2=0.95, checkpoint_steps=4,
    eval_sequences=8,
)  # fmt: skip
WIDTH = 17


@pytest.fixture(autouse=True)
def settled() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)


def write_sequences(
    path: Path, rows: int, seed: int, digest: str, domains: tuple[str | None, ...] = (None,), padded: int = 0
) -> None:
    """Sequences with something to learn: each token mostly decides the next. Every second begins a document midway.

    Of every third the last `padded` tokens are padding.
    """
    generator = np.random.default_rng(seed)
    steps = generator.integers(1, 3, (rows, WIDTH))
    tokens = (steps.cumsum(axis=1) % 62 + 2).astype(np.uint16)
    tokens[::3, WIDTH - padded :] = 1
    starts = [[0, WIDTH // 2] if row % 2 else [0] for row in range(rows)]
    ids = [[f"{path.stem}-{row}-{part}" for part in range(len(at))] for row, at in enumerate(starts)]
    schema = SEQUENCES.set(
        0, pa.field("tokens", pa.binary(WIDTH * 2), nullable=False, metadata={"tokenizer_sha256": digest})
    )
    table = sequences_table(
        tokens.reshape(-1),
        WIDTH,
        np.cumsum([0, *map(len, starts)]),
        np.concatenate(starts) if starts else np.zeros(0, np.int64),
        pa.array([name for row in ids for name in row], pa.string()),
    )
    column = pa.array([domains[row % len(domains)] for row in range(rows)], pa.string())
    with ShardWriter(str(path.parent), path.name, "sequences", schema, 16, mapped=("tokens",)) as writer:
        writer.write(table.append_column("domain", column))
        writer.finish()


@pytest.fixture
def tokens_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "tokens"
    folder.mkdir()
    (folder / "tokenizer.json").write_text("{}")
    digest = hashlib.sha256(b"{}").hexdigest()
    splits = {}
    for name, rows in (("train", 40), ("held_out", 10)):
        domains = ("web", "code") if name == "held_out" else (None,)
        write_sequences(folder / f"{name}-0.parquet", rows, len(name), digest, domains)
        counts = Counts(documents=rows, tokens=rows * WIDTH, bytes=rows * WIDTH * 3)
        by_domain = dict.fromkeys(filter(None, domains), counts)
        files = (f"{name}-0.parquet",)
        splits[name] = Split(files=files, sequences=rows, total=counts, unique=counts, domains=by_domain)
    meta = TokenSet(
        name="toy", fingerprint="f", corpus_fingerprint="c", tokenizer_sha256=digest, vocab_size=64, end_id=0,
        pad_id=1, end_of_document="<|end_of_text|>", padding="<|padding|>", sequence_length=WIDTH - 1, width=WIDTH,
        train=splits["train"], held_out=splits["held_out"],
    )  # fmt: skip
    (folder / "meta.json").write_text(meta.model_dump_json())
    return folder
