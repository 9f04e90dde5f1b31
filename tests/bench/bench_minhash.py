"""What a MinHash signature costs, folding and shingling included, beside datasketch on the same shingles.

python -m tests.bench.bench_minhash
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable

import numpy as np
import xxhash
from datasketch import MinHash

from pipeline.batch import DocumentBatch
from pipeline.dedup.config import DedupConfig
from pipeline.dedup.signatures import band_keys, shingle, shingle_sets, sign
from pipeline.dedup.verification import measure_jaccard
from tests.pipeline.dedup import plain

DOCUMENTS, WORDS, RUNS = 100, 500, 50


def make_texts(seed: int = 1) -> list[str]:
    """Random words of 2 to 9 letters, two in three followed by nothing, a full stop or a comma."""
    rng = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(5000)]
    return [" ".join(rng.choice(words) + rng.choice(["", ".", ","]) for _ in range(WORDS)) for _ in range(DOCUMENTS)]


def microseconds(work: Callable[[], object], documents: int, runs: int = RUNS) -> float:
    """Least CPU time a document over several short runs; the first, which compiles, does not count."""
    work()
    times = []
    for _ in range(runs):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return round(min(times) / documents * 1e6, 2)


def measure() -> dict[str, float]:
    """Microseconds a document (or a pair), by what is done."""
    config, texts = DedupConfig(), make_texts()
    permutations = config.bands * config.rows
    utf8 = DocumentBatch.of_texts(texts).utf8
    shingles = shingle(utf8, config.shingling)
    signatures = sign(shingles, permutations, config.seed)
    sets = shingle_sets(utf8, config.shingling)
    few = [[part.encode() for part in plain.shingles(text)] for text in texts[:20]]
    sketch = MinHash(permutations, config.seed, hashfunc=lambda data: xxhash.xxh64_intdigest(data) & 0xFFFFFFFF)

    def from_text() -> None:
        found = shingle(utf8, config.shingling)
        keys = sign(found, permutations, config.seed)
        band_keys(keys, config.bands, config.rows, found.sizes)

    def by_datasketch() -> None:
        for document in few:
            sketch.clear()
            sketch.update_batch(document)

    left = np.arange(DOCUMENTS - 1)
    return {
        "fold and shingle": microseconds(lambda: shingle(utf8, config.shingling), DOCUMENTS),
        "signature of shingles": microseconds(lambda: sign(shingles, permutations, config.seed), DOCUMENTS),
        "band keys": microseconds(lambda: band_keys(signatures, config.bands, config.rows, shingles.sizes), DOCUMENTS),
        "text to band keys": microseconds(from_text, DOCUMENTS),
        "datasketch, hashing and signature of shingles given as bytes": microseconds(by_datasketch, len(few), 5),
        "Jaccard of a pair of shingle sets": microseconds(lambda: measure_jaccard(sets, left, left + 1), DOCUMENTS - 1),
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
