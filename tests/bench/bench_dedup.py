"""Deduplication beside datatrove's four MinHash steps, rensa and text-dedup, on the same texts, and what each removed
wrongly.

    python -m tests.bench.bench_dedup [--pages 1500] [--venv DIR]

Texts are pages of the shared documentation crawl, many of them untranslated copies. Each side is a process of its own
on one core, from text to the list of pages removed; figures are CPU seconds after imports. A removed page is a false
positive where no page that the same side keeps has a true Jaccard similarity of 0.8 with it, on Winnow's shingles.
Peers are installed into an environment of their own at the first run (--venv).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.batch import DocumentBatch
from pipeline.dedup.config import DedupConfig
from pipeline.dedup.signatures import shingle_sets
from pipeline.dedup.verification import measure_jaccard
from tests.bench.vs_datatrove import ROOT, WARCS, run_side
from tests.flows.test_dedup_task import documentation_texts

REQUIREMENTS = (
    *("datatrove[io,processing]==0.10.1", "spacy>=3.8,<4", "rensa==0.5.0"),
    *("click-option-group", "scipy", "xxhash", "ftfy", "psutil"),  # what text-dedup's minhash script imports
)
WITHOUT_DEPENDENCIES = "text-dedup==0.4.0"
"""It asks for urllib3 and rich of years ago, which the others do not get along with, and for Spark."""


def main() -> None:
    """Compare and print a line of JSON a side."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pages", type=int, default=1500)
    parser.add_argument("--venv", type=Path, default=Path.home() / ".cache" / "winnow" / "dedup-peers")
    options = parser.parse_args()
    texts = documentation_texts(WARCS / "docs-crawl", options.pages)
    python = prepare(options.venv)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.jsonl"
        path.write_text("".join(json.dumps({"id": f"doc{i:05}", "text": t}) + "\n" for i, t in enumerate(texts)))
        own = [sys.executable, "-m", "tests.bench.dedup_own", path]
        run_side([*own, Path(folder) / "compiles"])
        sides = {"winnow": run_side([*own, Path(folder) / "winnow"])}
        for peer in ("datatrove", "rensa", "text_dedup"):
            command = [python, Path(__file__).with_name("dedup_side.py"), peer, path, Path(folder) / peer]
            sides[peer] = run_side(command)
    similarity = all_similarities(texts)
    for name, side in sides.items():
        print(json.dumps({"side": name, **judged(side, similarity, len(texts))}))


def prepare(folder: Path) -> Path:
    """The peers' Python; their environment is made where it is missing."""
    python = folder / "bin" / "python"
    if not python.is_file():
        venv.create(folder, with_pip=True)
        for wanted in (REQUIREMENTS, ("--no-deps", WITHOUT_DEPENDENCIES)):
            subprocess.run([python, "-m", "pip", "install", "-q", *wanted], check=True, cwd=ROOT)
    return python


def all_similarities(texts: list[str]) -> np.ndarray:
    """float64[texts, texts]: the true Jaccard similarity of every pair; of two texts that are the same, 1."""
    sets = shingle_sets(DocumentBatch.of_texts(texts).utf8, DedupConfig().shingling)
    left, right = np.triu_indices(len(texts), 1)
    found = np.zeros((len(texts), len(texts)))
    found[left, right] = measure_jaccard(sets, left, right)
    same = {text: number for number, text in enumerate(texts)}
    first = np.array([same[text] for text in texts])
    return np.maximum(found + found.T, first[:, None] == first[None, :])


def judged(side: dict[str, Any], similarity: np.ndarray, pages: int) -> dict[str, Any]:
    """Speed, memory, and what of the removed had no like among the kept; pairs of the threshold left in."""
    gone = np.array([int(name.removeprefix("doc")) for name in side["removed"]], np.int64)
    kept = np.setdiff1d(np.arange(pages), gone)
    wrong = int((similarity[np.ix_(gone, kept)].max(axis=1) < 0.8).sum()) if len(gone) else 0
    left = similarity[np.ix_(kept, kept)]
    np.fill_diagonal(left, 0)
    cpu = sum(side["steps"].values())
    return {
        "pages_a_cpu_second": round(pages / cpu), "cpu_seconds": round(cpu, 2), "steps": side["steps"],
        "loading": side["loading"], "peak_mb": side["peak_mb"], "removed": len(gone), "false_positives": wrong,
        "kept_with_a_like": int((left.max(axis=1) >= 0.8).sum()),
    }  # fmt: skip


if __name__ == "__main__":
    main()
