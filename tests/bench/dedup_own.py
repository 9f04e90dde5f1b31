"""Winnow's half of `bench_dedup`: one JSONL file of texts to the list of duplicates, in a process of its own.

    python -m tests.bench.dedup_own FILE FOLDER

Texts are signed in batches of 256, as the corpus flow does. As on the peers' side CPU counts from when everything is
loaded: here that are the kernels and the table of folded characters, run once over one sentence.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from flows.dedup_job import DedupJob
from pipeline.batch import DocumentBatch
from pipeline.dedup.config import DedupConfig
from pipeline.dedup.signatures import band_table
from pipeline.judging import run_stages
from storage.lake import Lake
from storage.schema import BANDS, DOCUMENTS
from storage.shards import ShardWriter, read_table
from tests.flows.duplicates import find_duplicates

BATCH_ROWS = 256
SENTENCE = json.dumps({"id": "doc00000", "text": "Load the kernels before the clock runs, please. "})


def run(path: Path, folder: Path) -> dict[str, Any]:
    """Digest, signature and files, then every unit of the search; what it removed and cost."""
    begun = time.process_time()
    find_duplicates(sign(folder / "warm", iter([SENTENCE] * 2)))
    started = time.process_time()
    with path.open() as lines:
        job = sign(folder / "lake", lines)
    signed = time.process_time()
    outputs, _ = find_duplicates(job)
    steps = {"signatures": round(signed - started, 3), "search": round(time.process_time() - signed, 3)}
    rows = read_table(str(folder / "lake" / outputs[0].path)).to_pylist()
    peak = peak_mb()
    loading = round(started - begun, 3)
    return {"steps": steps, "loading": loading, "peak_mb": peak, "removed": [row["doc_id"] for row in rows]}


def peak_mb() -> int:
    """Most memory this process had; what `getrusage` says begins with that of the process it was started from."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return round(int(line.split()[1]) / 1024)


def sign(folder: Path, lines: Iterator[str]) -> DedupJob:
    """Documents and band keys of the texts, written as the corpus flow writes them."""
    config, lake = DedupConfig(), Lake(str(folder))
    with (
        ShardWriter(lake.root, "documents/f.parquet", "documents", DOCUMENTS) as documents,
        ShardWriter(lake.root, "bands/f.parquet", "bands", BANDS) as bands,
    ):
        first = 0
        while rows := [json.loads(line) for line in islice(lines, BATCH_ROWS)]:
            batch = batch_of(rows, first)
            first += len(rows)
            signed = run_stages(batch, config.stages()).survivors
            documents.write(signed.select(DOCUMENTS.names).cast(DOCUMENTS))
            bands.write(band_table(signed))
        made = documents.finish(), bands.finish()
    return DedupJob(lake.root, ("c",), "0" * 16, made[:1], made[1:], config)


def batch_of(rows: Sequence[dict[str, str]], first: int) -> DocumentBatch:
    """Texts as pages of one archive, one after another."""
    texts = [row["text"] for row in rows]
    known: dict[str, Any] = {
        "doc_id": [row["id"] for row in rows], "text": texts, "text_bytes": [len(text.encode()) for text in texts],
        "offset": np.arange(first, first + len(rows)), "length": [1] * len(rows),
        "crawl": ["c"] * len(rows), "archive": ["a.warc.gz"] * len(rows), "domain": ["web"] * len(rows),
    }  # fmt: skip
    nothing = [None] * len(rows)
    return DocumentBatch({field.name: pa.array(known.get(field.name, nothing), field.type) for field in DOCUMENTS})


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]), Path(sys.argv[2]))))
