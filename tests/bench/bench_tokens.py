"""Encoding beside HF `tokenizers`, packing, and reading what was packed: one core, the sides taking turns.

    python -m tests.bench.bench_tokens [--megabytes 12] [--rounds 3] [--vocab 32768]

Text is a part of every shared domain. Encoding: CPU time of both engines over the same documents, whose ids must be the
same. Packing: megabytes of text whose tokens are packed in a CPU second. Reading: tokens a second of one file of
sequences as it is stored, beside the same rows as Parquet lists.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tokenizers
import zstandard

from pipeline.best_fit import BestFitPacker
from pipeline.masked import MaskedPacker
from pipeline.packing import Packer
from pipeline.tokens import TokenIds, Tokenizer, train_tokenizer
from pipeline.tokens_config import TokensConfig
from storage.mapped import open_fixed
from storage.shards import ShardWriter

TEXT = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "text"
WIDTH = 2_049


def read_texts(megabytes: float) -> list[str]:
    """Documents of every domain, as many bytes of each."""
    paths, texts = sorted(TEXT.glob("*.jsonl.zst")), []
    for path in paths:
        left = megabytes * 1e6 / len(paths)
        with path.open("rb") as stream:
            lines = zstandard.ZstdDecompressor().stream_reader(stream).read(int(left * 1.3)).split(b"\n")[:-1]
        for line in lines:
            text = json.loads(line)["text"]
            left -= len(text.encode())
            if left < 0:
                break
            texts.append(text)
    return texts


def best_of(rounds: int, *sides: Callable[[], Any]) -> list[float]:
    """Least CPU seconds of each side, taking turns."""
    spent = [[] for _ in sides]  # type: list[list[float]]
    for _ in range(rounds):
        for side, seconds in zip(sides, spent, strict=True):
            start = time.process_time()
            side()
            seconds.append(time.process_time() - start)
    return [min(seconds) for seconds in spent]


def bench_encoding(tokenizer: Tokenizer, content: str, texts: Sequence[str], rounds: int) -> list[TokenIds]:
    """Both engines, HF's in its fastest form too; the ids, which must be the same."""
    theirs_alone = tokenizers.Tokenizer.from_str(content)
    size = sum(len(text.encode()) for text in texts) / 1e6
    ours = [tokenizer.encode(text) for text in texts]
    theirs = [tokenizer.encode_slowly(text) for text in texts]
    different = sum(not np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
    fast, slow, batched = best_of(
        rounds,
        lambda: [tokenizer.encode(text) for text in texts],
        lambda: [tokenizer.encode_slowly(text) for text in texts],
        lambda: theirs_alone.encode_batch_fast([*texts], add_special_tokens=False),
    )
    print(f"encoding {size:.1f} MB, {len(texts)} documents, {different} with other ids than HF's")
    print(
        f"  tiktoken {size / fast:.1f} MB/s; HF tokenizers {size / slow:.1f}, as one batch {size / batched:.1f} MB/s:"
    )
    print(f"  {slow / fast:.1f} and {batched / fast:.1f} times faster")
    return ours


def bench_packing(documents: list[TokenIds], text_bytes: float, rounds: int) -> None:
    """Every way to pack, over the documents again and again until there are some ten million tokens."""
    again = max(1, int(1e7 / sum(map(len, documents))))
    documents, size = documents * again, text_bytes * again / 1e6
    names = [f"{number:036d}" for number in range(len(documents))]

    def pack(make: Callable[[], Any]) -> Callable[[], None]:
        def work() -> None:
            packer = make()
            for at in range(0, len(documents), 256):
                packer.add(names[at : at + 256], documents[at : at + 256])
            packer.finish()

        work()
        return work

    kinds = {
        "concatenate": lambda: Packer(WIDTH, 0, 1),
        "best fit": lambda: BestFitPacker(WIDTH, 0, 1),
        "masked, 512": lambda: MaskedPacker(512, 2, 3, 1),
    }
    print(f"packing {size:.0f} MB of text")
    for name, seconds in zip(kinds, best_of(rounds, *map(pack, kinds.values())), strict=True):
        print(f"  {name:12} {size / seconds:6.0f} MB/s")


def bench_reading(rounds: int) -> None:
    """A file of 40 million tokens: mapped, decoded from the same column, and decoded from lists."""
    rows = 20_000
    tokens = np.random.default_rng(0).zipf(1.2, (rows, WIDTH)).clip(max=60_000).astype(np.uint16)
    kind = pa.binary(WIDTH * 2)
    column: Any = pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(tokens)])
    table = pa.table([column], schema=pa.schema([pa.field("tokens", kind, nullable=False)]))
    flat = pa.array(tokens.reshape(-1))
    lists = pa.table({"tokens": pa.FixedSizeListArray.from_arrays(flat, WIDTH)})
    with tempfile.TemporaryDirectory() as folder:
        with ShardWriter(folder, "a.parquet", "sequences", table.schema, 4096, mapped=("tokens",)) as writer:
            writer.write(table)
            writer.finish()
        fixed, plain, lz4, zstd = (f"{folder}/{name}.parquet" for name in ("a", "plain", "lz4", "zstd"))
        for path, codec in ((plain, "none"), (lz4, "lz4"), (zstd, "zstd")):
            pq.write_table(lists, path, compression=codec, use_dictionary=False, row_group_size=4096)
        sides = {
            "mapped (as stored)": lambda: [
                np.add.reduce(part.view("<u2"), axis=None) for part in open_fixed(fixed, "tokens")[0]
            ],
            "the same, decoded": lambda: pq.read_table(fixed),
            "fixed-size lists, plain": lambda: pq.read_table(plain),
            "fixed-size lists, lz4": lambda: pq.read_table(lz4),
            "fixed-size lists, zstd": lambda: pq.read_table(zstd),
        }
        found = best_of(rounds, *sides.values())
        print("reading 41 million tokens (of the mapped file every one is added up, the others are only decoded)")
        for name, path, seconds in zip(sides, (fixed, fixed, plain, lz4, zstd), found, strict=True):
            size = Path(path).stat().st_size / (rows * WIDTH)
            print(f"  {name:24} {rows * WIDTH / seconds / 1e6:7.0f} million tokens/s, {size:.2f} bytes a token")


def main() -> None:
    """Print all three."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=float, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--vocab", type=int, default=32_768)
    options = parser.parse_args()
    if not TEXT.is_dir():
        sys.exit("this benchmark reads ../shared/data/text, which is not there")
    texts = read_texts(options.megabytes)
    config = TokensConfig(vocab_size=options.vocab)
    content = train_tokenizer(texts, config)
    tokenizer = Tokenizer(content, config.end_of_document, config.padding)
    documents = bench_encoding(tokenizer, content, texts, options.rounds)
    bench_packing(documents, sum(len(text.encode()) for text in texts), options.rounds)
    bench_reading(options.rounds)


if __name__ == "__main__":
    main()
