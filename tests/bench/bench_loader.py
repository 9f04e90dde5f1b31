"""The loader from a warm disk: tokens a second, as a training takes them.

    python -m tests.bench.bench_loader [--rows 40000] [--length 2048] [--batch 256] [--documents 3]

Batches hold int64 tokens, the document of every position, and a digest. Wall time (a thread makes them ahead), CPU time
beside it; on this many cores the training would have what CPU time leaves.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from model.data import Loader, Sequences
from pipeline.packing import sequences_table
from storage.mapped import open_fixed
from storage.shards import ShardWriter


def write(folder: str, rows: int, width: int, documents: int) -> None:
    """Sequences of random tokens, each of some documents."""
    generator = np.random.default_rng(0)
    tokens = generator.integers(5, 60_000, rows * width).astype(np.uint16)
    starts = np.tile(np.arange(documents) * (width // documents), rows)
    names = pa.array([f"{number:036d}" for number in range(rows * documents)])
    table = sequences_table(tokens, width, np.arange(rows + 1) * documents, starts, names)
    fields: list[Any] = [pa.field(f.name, f.type, nullable=False) for f in table.schema]
    with ShardWriter(folder, "a.parquet", "sequences", pa.schema(fields), 4096, mapped=("tokens",)) as writer:
        writer.write(table)
        writer.finish()


def main() -> None:
    """Print both figures, batch by batch and through the thread."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=40_000)
    parser.add_argument("--length", type=int, default=2_048)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--documents", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write(folder, options.rows, options.length + 1, options.documents)
        uri = str(Path(folder) / "a.parquet")
        loader = Loader(Sequences(open_fixed(uri, "tokens")[0], [uri], np.uint16), options.batch, 0, 1)
        loader.at(0)
        batches = options.rows // options.batch
        for turn in ("first, warming", "second"):
            wall, cpu = time.perf_counter(), time.process_time()
            seen = sum(batch.tokens.numel() for batch in loader.run(0, batches))
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            print(
                f"{turn}: {seen / wall / 1e6:.0f} million tokens/s of wall time, {seen / cpu / 1e6:.0f} of CPU time, "
                f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
            )


if __name__ == "__main__":
    main()
