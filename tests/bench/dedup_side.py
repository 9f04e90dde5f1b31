"""A peer's half of `bench_dedup`: datatrove's four MinHash steps, rensa's index or text-dedup's script, over one file.

    python dedup_side.py datatrove|rensa|text_dedup FILE FOLDER

Runs in the peers' own environment. Prints one JSON object: seconds of CPU by step and of loading, peak memory, ids
removed. Steps count from after the imports and after the word tokeniser is loaded; loading is the rest.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STEPS: dict[str, float] = {}


def peak_mb() -> int:
    """Most memory this process had; what `getrusage` says begins with that of the process it was started from."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return round(int(line.split()[1]) / 1024)


def timed(name: str, work: Callable[[], Any]) -> Any:
    started = time.process_time()
    result = work()
    STEPS[name] = round(time.process_time() - started, 3)
    return result


def datatrove(path: Path, folder: Path) -> list[str]:
    """FineWeb's settings: words of 5, 14 x 8, one worker a step as far as the steps allow."""
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.readers import JsonlReader

    config = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)
    signatures, buckets, removed = (str(folder / name) for name in ("signatures", "buckets", "removed"))

    def read() -> Any:
        return JsonlReader(str(path.parent), glob_pattern=path.name, compression=None)(None, 0, 1)

    step = MinhashDedupSignature(signatures, config)
    step.word_tokenizer.word_tokenize("Load the model before the clock runs.")
    timed("signatures", lambda: step.run(read(), 0, 1))
    for band in range(14):
        bucket = MinhashDedupBuckets(signatures, buckets, config=config)
        begun = time.process_time()
        bucket.run(None, band, 14)
        STEPS["buckets"] = round(STEPS.get("buckets", 0.0) + time.process_time() - begun, 3)
    timed("cluster", lambda: MinhashDedupCluster(buckets, removed, config).run(None, 0, 1))
    kept = timed("filter", lambda: {document.id for document in MinhashDedupFilter(removed).run(read(), 0, 1)})
    return [document.id for document in read() if document.id not in kept]


def rensa(path: Path, folder: Path) -> list[str]:
    """Its own example: R-MinHash of words of 5 in an LSH index, the first of a bucket stays, its estimate decides."""
    from rensa import RMinHash, RMinHashLSH

    rows = [json.loads(line) for line in path.open()]

    def sign() -> list[Any]:
        found = []
        for row in rows:
            words = re.findall(r"\w+", row["text"].lower())
            sketch = RMinHash(num_perm=112, seed=1)
            sketch.update([" ".join(words[i : i + 5]) for i in range(max(len(words) - 4, 1))])
            found.append(sketch)
        return found

    def search(sketches: list[Any]) -> list[str]:
        index, removed = RMinHashLSH(threshold=0.8, num_perm=112, num_bands=14), []
        for number, sketch in enumerate(sketches):
            near = [other for other in index.query(sketch) if sketches[other].jaccard(sketch) >= 0.8]
            if near:
                removed.append(rows[number]["id"])
            else:
                index.insert(number, sketch)
        return removed

    sketches = timed("signatures", sign)
    return list(timed("search", lambda: search(sketches)))


def text_dedup(path: Path, folder: Path) -> list[str]:
    """Its minhash script with 14 x 8 of words of 5, in one process; it removes whatever shares a band, along chains."""
    from datasets import disable_progress_bars, load_from_disk
    from text_dedup import minhash
    from text_dedup.utils import IOArgs, MetaArgs, MinHashArgs

    disable_progress_bars()
    given: dict[str, Any] = {
        "io_args": IOArgs(
            path="json", data_files=str(path), split="train", cache_dir=str(folder / "cache"),
            output=str(folder / "out"), num_proc=None,
        ),
        "meta_args": MetaArgs(column="text"),
        "minhash_args": MinHashArgs(ngram=5, num_perm=112, threshold=0.8, b=14, r=8, min_length=0),
    }  # fmt: skip
    timed("script", lambda: minhash.main.callback(**given))
    kept = set(load_from_disk(str(folder / "out"))["id"])
    return [name for line in path.open() if (name := json.loads(line)["id"]) not in kept]


if __name__ == "__main__":
    side = {"datatrove": datatrove, "rensa": rensa, "text_dedup": text_dedup}[sys.argv[1]]
    before = time.process_time()
    gone = side(Path(sys.argv[2]), Path(sys.argv[3]))
    loading = round(time.process_time() - before - sum(STEPS.values()), 3)
    peak = peak_mb()
    print(json.dumps({"steps": STEPS, "loading": loading, "peak_mb": peak, "removed": gone}))
