"""What deduplication costs as pages grow: synthetic pages with real signatures, time and memory of every step.

    python -m tests.bench.dedup_scale [--documents 200000 2000000 20000000] [--memory-gib 6] [--folder DIR]

Pages are 16 made-up words, so that 20 million fit on a disk; what is measured here is bucketing, clustering, gathering
and judging, which see a page's 112-value signature and the shingles of pages that share a bucket, whatever its length.
Cluster sizes follow a power law of exponent 2.5, at most 100,000 (an assumption: half of the pages have company, as in
a crawl); members of a cluster have up to four words appended: similarities of 1, .92, .86, .80 or .75 with its base.
Making the pages and finding their duplicates are processes of their own; the peak is the resident set of the second.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from flows import dedup_buckets, dedup_parts, dedup_results, dedup_task
from flows.dedup_job import DedupJob
from pipeline.batch import Utf8
from pipeline.dedup.config import DedupConfig
from pipeline.dedup.signatures import band_keys, shingle, sign
from storage.lake import Lake
from storage.schema import BANDS, DOCUMENTS
from storage.shards import Output, ShardWriter
from tests.bench.dedup_own import peak_mb

ROWS_PER_FILE, ROWS_PER_PIECE = 500_000, 50_000
WORDS, MOST_APPENDED, LARGEST = 16, 4, 100_000
WORKERS = 2
HEX = np.frombuffer(b"0123456789abcdef", np.uint8)


def main() -> None:
    """Every size in turn; prints a line of JSON for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--documents", type=int, nargs="+", default=[200_000, 2_000_000, 20_000_000])
    parser.add_argument("--memory-gib", type=float, default=6, help="memory of all units together")
    parser.add_argument("--folder", type=Path, help="where to put pages and working files; by default a temporary one")
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--find", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make_pages(options.make, options.documents[0])
    elif options.find:
        print(json.dumps(find(options.find, int(options.memory_gib * 2**30 / WORKERS))))
    else:
        for documents in options.documents:
            print(measure(documents, options.memory_gib, options.folder), flush=True)


def measure(documents: int, memory_gib: float, folder: Path | None) -> str:
    """Make the pages, find the duplicates; the second process's figures."""
    with tempfile.TemporaryDirectory(dir=folder) as lake:
        command = [sys.executable, "-m", "tests.bench.dedup_scale", "--memory-gib", str(memory_gib)]
        subprocess.run([*command, "--documents", str(documents), "--make", lake], check=True)
        done = subprocess.run([*command, "--find", lake], check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.strip()


def cluster_of_pages(documents: int, rng: np.random.Generator) -> np.ndarray:
    """The cluster of every page, int64[documents], in random order."""
    sizes = np.minimum(rng.zipf(2.5, documents), LARGEST)
    sizes = sizes[: int(np.searchsorted(np.cumsum(sizes), documents)) + 1]
    return np.asarray(rng.permutation(np.repeat(np.arange(len(sizes)), sizes)[:documents]))


def mixed(values: np.ndarray) -> np.ndarray:
    """uint64 to uint64, one to one and without pattern (splitmix64)."""
    z = values.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))


def make_texts(cluster: np.ndarray, appended: np.ndarray, number: np.ndarray) -> Utf8:
    """The pages' texts: the cluster's words, then so many of the page's own."""
    rows, columns = len(cluster), WORDS + MOST_APPENDED
    seeds = np.repeat(cluster[:, None] * 64, columns, axis=1) + np.arange(columns)
    seeds[:, WORDS:] = number[:, None] * 64 + np.arange(MOST_APPENDED) + (1 << 50)
    values = mixed(seeds.reshape(-1))
    letters = (values[:, None] >> np.arange(0, 32, 4).astype(np.uint64)) & np.uint64(15)
    text = np.full((rows, columns, 9), 32, np.uint8)
    text[:, :, :8] = (letters.astype(np.uint8) + 97).reshape(rows, columns, 8)
    shown = np.arange(columns) < (WORDS + appended)[:, None]
    return Utf8(text[shown].reshape(-1), np.concatenate([[0], np.cumsum(9 * shown.sum(axis=1))]).astype(np.int64))


def hexadecimal(values: np.ndarray, digits: int) -> pa.Array[Any]:
    """Strings of that many digits from uint64 values, repeated where they are longer than 16."""
    nibbles = (values[:, None] >> np.arange(60, -4, -4).astype(np.uint64)) & np.uint64(15)
    text = HEX[nibbles.astype(np.uint8)][:, np.arange(digits) % 16]
    offsets = np.arange(0, (len(values) + 1) * digits, digits, dtype=np.int32)
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(text.tobytes()))


def make_pages(folder: Path, documents: int) -> None:
    """Documents and bands of so many pages, and the list of files, in a lake at `folder`."""
    rng = np.random.default_rng(1)
    cluster = cluster_of_pages(documents, rng)
    seen = np.zeros(cluster.max() + 1, np.bool_)
    outputs = []
    for first in range(0, documents, ROWS_PER_FILE):
        last = min(first + ROWS_PER_FILE, documents)
        name = f"{first // ROWS_PER_FILE:05}.parquet"
        with (
            ShardWriter(str(folder), f"documents/{name}", "documents", DOCUMENTS) as texts,
            ShardWriter(str(folder), f"bands/{name}", "bands", BANDS) as bands,
        ):
            for start in range(first, last, ROWS_PER_PIECE):
                number = np.arange(start, min(start + ROWS_PER_PIECE, last))
                _write_piece(number, cluster[number], seen, rng, (texts, bands))
            outputs.append([output.to_dict() for output in (texts.finish(), bands.finish())])
    (folder / "files.json").write_text(json.dumps(outputs))


def _write_piece(
    number: np.ndarray,
    cluster: np.ndarray,
    seen: np.ndarray,
    rng: np.random.Generator,
    writers: tuple[ShardWriter, ShardWriter],
) -> None:
    config = DedupConfig()
    appended = np.where(seen[cluster], rng.integers(0, MOST_APPENDED + 1, len(number)), 0)
    seen[cluster] = True
    utf8 = make_texts(cluster, appended, number)
    text = pa.StringArray.from_buffers(
        len(number), pa.py_buffer(utf8.offsets.astype(np.int32)), pa.py_buffer(utf8.data)
    )
    shingles = shingle(utf8, config.shingling)
    keys = band_keys(sign(shingles, 112, 1), 14, 8, shingles.sizes)
    known: dict[str, Any] = {
        "doc_id": hexadecimal(mixed(number), 36), "crawl": pa.array(["synthetic"] * len(number)),
        "archive": pa.array([f"{number[0] // ROWS_PER_FILE:05}"] * len(number)), "offset": pa.array(number * 1000),
        "length": pa.array([1000] * len(number)), "domain": pa.array(["web"] * len(number)),
        "text": text, "text_bytes": pa.array(np.diff(utf8.offsets)),
        "text_digest": hexadecimal(mixed(np.where(appended > 0, number + (1 << 40), cluster)), 64),
        "payload_digest": hexadecimal(mixed(number + (1 << 45)), 64),
        "quality": pa.array(rng.random(len(number)).round(3)), "keys": keys,
    }  # fmt: skip
    for writer, schema in zip(writers, (DOCUMENTS, BANDS), strict=True):
        columns = [known[f.name] if f.name in known else pa.nulls(len(number), f.type) for f in schema]
        writer.write(pa.table(columns, schema=schema))


def find(folder: Path, memory_bytes: int) -> dict[str, Any]:
    """Every unit, two at a time; seconds of each step, peak memory, what was found."""
    listed = [[Output.from_dict(output) for output in pair] for pair in json.loads((folder / "files.json").read_text())]
    documents, bands = zip(*listed, strict=True)
    config = DedupConfig(memory_limit_bytes=memory_bytes)
    job = DedupJob(Lake(str(folder)).root, ("synthetic",), "0" * 16, documents, bands, config)
    steps: dict[str, float] = {}
    started = time.process_time(), time.perf_counter()

    def timed(name: str, work: Callable[[], Any]) -> Any:
        begun = time.perf_counter()
        result = work()
        steps[name] = round(time.perf_counter() - begun, 1)
        return result

    with ThreadPoolExecutor(WORKERS) as pool:
        timed("rank", lambda: dedup_task.rank_pages(replace(job, threads=WORKERS)))
        ranges = dedup_buckets.plan_bands(job, 2 * WORKERS)
        timed("link", lambda: list(pool.map(lambda bands: dedup_buckets.link_bands(job, bands), ranges)))
        parts = timed("cluster", lambda: dedup_parts.plan_parts(job, ranges))
        timed("gather", lambda: list(pool.map(lambda n: dedup_parts.gather_texts(job, n), dedup_parts.plan_texts(job))))
        timed("judge", lambda: list(pool.map(lambda part: dedup_parts.judge_part(job, part), range(parts))))
        disk = sum(path.stat().st_size for path in Path(job.folder).iterdir())
        _, summary = timed("write", lambda: dedup_results.write_duplicates(replace(job, threads=WORKERS)))
    shutil.rmtree(folder / "documents")
    return {
        "documents": summary["pages"],
        "cpu_seconds": round(time.process_time() - started[0], 1),
        "wall_seconds": round(time.perf_counter() - started[1], 1),
        "steps_wall": steps,
        "peak_gib": round(peak_mb() / 1024, 2),
        "working_gib": round(disk / 2**30, 2),
        "parts": parts,
        **{name: count for name, count in summary.items() if not name.startswith("sketch")},
    }


if __name__ == "__main__":
    main()
