"""Perplexity models: training beside lmplz (where one is given) and scoring beside KenLM, on the same words.

python -m tests.bench.bench_perplexity [--lmplz PATH] [--megabytes 36]
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kenlm
import numpy as np

from flows.quality_texts import Texts
from flows.warm import warm_perplexity
from pipeline.batch import DocumentBatch
from pipeline.quality.kenlm_model import load_model, sentences_of
from pipeline.quality.reliability import auc

TEXT = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "text"
SOURCES = ("wikipedia-wtq.dev", "academic-scisummnet.dev")
HELD_OUT = 200
ORDER = 5


def normalised_lines(megabytes: float) -> tuple[list[str], list[str]]:
    """Lines of words parted by spaces: to train on, and of the last documents to measure on."""
    size, documents = 0, []
    for batch in Texts(tuple(str(TEXT / f"{name}.jsonl.zst") for name in SOURCES)):
        for text in batch:
            documents.append([" ".join(words) for words in sentences_of(text)])
            size += sum(len(line.encode()) + 1 for line in documents[-1])
        if size > megabytes * 1e6:
            break
    random.Random(1).shuffle(documents)
    known, asked = documents[HELD_OUT:], documents[:HELD_OUT]
    return [line for lines in known for line in lines], [line for lines in asked for line in lines]


def train(corpus: Path, output: Path, prune: str, arpa: Path) -> dict[str, float]:
    """CPU seconds and peak memory of Winnow's training in a process of its own, ARPA file included."""
    code = (
        "import sys, time; from flows.perplexity_task import *; from flows.quality_texts import Texts;"
        "t = time.process_time(); prune = tuple(map(int, sys.argv[3].split()));"
        "train_perplexity(Texts((sys.argv[1],)), 'en', sys.argv[2],"
        "  PerplexityTraining(prune=prune, normalisation='spaces', held_out_frac=0), sys.argv[4]);"
        "peak = [line for line in open('/proc/self/status') if line.startswith('VmHWM')][0];"
        "print(time.process_time() - t, int(peak.split()[1]) / 1024)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(corpus), str(output), prune, str(arpa)],
        check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    return {"cpu_seconds": round(float(out[-2]), 1), "peak_mb": round(float(out[-1]))}


def train_lmplz(lmplz: str, corpus: Path, arpa: Path, prune: str) -> dict[str, float]:
    """The same of lmplz, its ARPA file included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with corpus.open("rb") as source, arpa.open("wb") as target:
        # a shell between: what a process is started from counts in its peak memory
        command = [
            "sh",
            "-c",
            '"$@"; exit $?',
            "sh",
            lmplz,
            "-o",
            str(ORDER),
            "-S",
            "2G",
            "-T",
            str(arpa.parent),
            "--prune",
            *prune.split(),
        ]
        done = subprocess.run(command, stdin=source, stdout=target, stderr=subprocess.PIPE, check=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak = int(done.stderr.split("RSSMax:")[-1].split()[0]) / 1024
    return {
        "cpu_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "peak_mb": round(peak),
    }


def differ(ours: Path, theirs: Path, one_in: int = 10) -> dict[str, float]:
    """Largest differences of log10 between two ARPA files, over one n-gram in so many; all must be in both."""
    left, right = (dict(_entries(path, one_in)) for path in (ours, theirs))
    assert left.keys() == right.keys()
    pairs = np.array([(*left[gram], *right[gram]) for gram in left])
    return {
        "ngrams": len(pairs),
        "prob": float(np.abs(pairs[:, 0] - pairs[:, 2]).max()),
        "backoff": float(np.abs(pairs[:, 1] - pairs[:, 3]).max()),
    }


def _entries(path: Path, one_in: int) -> Iterator[tuple[str, tuple[float, float]]]:
    with path.open() as stream:
        for line in stream:
            prob, tab, rest = line.rstrip("\n").partition("\t")
            gram, _, backoff = rest.partition("\t")
            if tab and zlib.crc32(gram.encode()) % one_in == 0:
                yield gram, (float(prob), float(backoff or 0))


def score(path: Path, arpa: Path, lines: list[str]) -> dict[str, Any]:
    """MB a CPU second of both scorers in turn on documents of twenty lines, and how far apart they are."""
    documents = ["\n".join(lines[start : start + 20]) for start in range(0, len(lines), 20)]
    batch = DocumentBatch.of_texts(documents)
    batch.utf8  # noqa: B018  both begin with text in memory
    ours, theirs = load_model(str(path)), kenlm.Model(str(arpa))

    def by_kenlm() -> list[float]:
        return [sum(theirs.score(line) for line in text.split("\n")) for text in documents]

    rates: dict[str, list[float]] = {"winnow": [], "kenlm": []}
    for _ in range(4):
        for name, work in (("winnow", lambda: ours.score(batch).log10_probs), ("kenlm", by_kenlm)):
            started = time.process_time()
            found = work()
            rates[name].append(len(batch.utf8.data) / 1e6 / (time.process_time() - started))
            if name == "winnow":
                own = np.asarray(found)
    apart = np.abs(own - np.array(found)) / ours.score(batch).words
    best = {f"{name}_mb_per_second": round(max(found), 1) for name, found in rates.items()}
    return best | {"log10_apart_per_word": float(apart.max())}


def shuffled_auc(path: Path, lines: list[str]) -> float | None:
    """How well perplexity tells lines of eight words and more from the same words shuffled."""
    clean = [line for line in lines if len(line.split()) >= 8][:5000]
    mixed = [" ".join(random.Random(line).sample(line.split(), len(line.split()))) for line in clean]
    model = load_model(str(path))
    first, second = (model.score(DocumentBatch.of_texts(texts)).perplexities for texts in (clean, mixed))
    return auc(-first, -second)


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lmplz", default="")
    parser.add_argument("--megabytes", type=float, default=36)
    options = parser.parse_args()
    warm_perplexity()  # compiling is not training
    known, asked = normalised_lines(options.megabytes)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = folder / "corpus.txt"
        corpus.write_text("\n".join(known) + "\n")
        result: dict[str, Any] = {"megabytes": round(corpus.stat().st_size / 1e6, 1)}
        for prune in ("0", "0 0 1"):
            path, arpa, theirs = folder / "en.lm", folder / "en.arpa", folder / "lmplz.arpa"
            rows: dict[str, Any] = {"winnow": train(corpus, path, prune, arpa)}
            if options.lmplz:
                rows["lmplz"] = train_lmplz(options.lmplz, corpus, theirs, prune)
                rows["apart"] = differ(arpa, theirs)
            rows |= {"model_mb": round(path.stat().st_size / 1e6, 1), "auc_shuffled_lines": shuffled_auc(path, asked)}
            rows["scoring"] = score(path, arpa, asked)
            result[f"prune {prune}"] = rows
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
