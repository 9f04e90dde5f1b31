"""Personal data: precision, recall, false hits and speed, beside presidio, scrubadub and datatrove.

    python -m tests.bench.bench_pii [--peers PYTHON] [--bytes N] [--store]

Labelled texts are split by template: what was looked at while tuning (seen) and what was not (held out). Ordinary text
is the shared clean text, the first so many bytes of each domain; its hits are counted by kind per 100,000 words, and
whether one is false is for a reader to say. --peers names a Python that has presidio-analyzer, scrubadub and datatrove;
without it only Winnow runs. Speeds are CPU time over the same texts, of one process, Winnow's the best of three rounds.
--store keeps Winnow's own counts in the file that reports draw from, and does nothing else.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.pii.config import PiiConfig, find_personal_data
from tests.pii_measures import HOSTILE, LABELS, Spans, hostile_text, labelled_texts, measure, texts_of

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
PEERS = ("presidio", "scrubadub", "datatrove")
DOMAINS = ("academic-plos.dev", "academic-scisummnet.dev", "books-eltec.dev", "code-python-stdlib.dev",
           "conversations-sgd.dev", "math-stacks.dev", "web-wcxb-dev.part1", "wikipedia-wtq.dev")  # fmt: skip
ROUNDS = 3
"""Of which the fastest counts: a neighbour on the machine slows some of them."""

STORED = ROOT / "flows" / "report" / "measured" / "personal_data.json"

KINDS = (*sorted(set(LABELS.values())), "all")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peers", type=Path, help="a Python with presidio-analyzer, scrubadub and datatrove")
    parser.add_argument("--bytes", type=int, default=8_000_000, help="text of each domain")
    parser.add_argument("--store", action="store_true", help=f"write {STORED.relative_to(ROOT)} and end")
    options = parser.parse_args()
    if options.store:
        store(options.bytes)
        return
    finders = ("Winnow", *(PEERS if options.peers else ()))
    print_scores(finders, options.peers)
    print_ordinary(options.bytes)
    print_hostile()
    if options.peers:
        print_speeds(finders, options.peers, options.bytes // 16)


def run(finder: str, texts: list[str], peers: Path | None, rounds: int = ROUNDS) -> tuple[list[Spans], float]:
    """Spans of each text and the CPU seconds that finding them took."""
    if finder != "Winnow":
        script = ROOT / "tests" / "bench" / "pii_peers.py"
        done = subprocess.run(
            [str(peers), str(script), finder], input=json.dumps(texts), capture_output=True, text=True
        )
        answer: dict[str, Any] = json.loads(done.stdout)
        return [[(kind, start, end) for kind, start, end in spans] for spans in answer["spans"]], answer["cpu_seconds"]
    config = PiiConfig()
    model = config.classifier()
    find_personal_data("Warm up: jane@example.com", config, model=model)
    seconds = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        found = [find_personal_data(text, config, model=model) for text in texts]
        seconds = min(seconds, time.process_time() - started)
    return [[(span.kind, span.start, span.end) for span in spans] for spans in found], seconds


def store(size: int) -> None:
    """Keep what was counted on labelled and on ordinary text, for `flows.report.personal`."""
    labelled = [row for held_out in (False, True) for row in labelled_rows(held_out)]
    ordinary = []
    for name in DOMAINS:
        texts = head(name, size)
        hits = Counter(kind for spans in run("Winnow", texts, None, 1)[0] for kind, _, _ in spans)
        words = sum(len(text.split()) for text in texts)
        ordinary.append({"text": name.partition(".")[0], "words": words, "hits": dict(sorted(hits.items()))})
    told = {
        "measured_at": f"{datetime.now(UTC):%Y-%m-%d}",
        "command": f"python -m tests.bench.bench_pii --store --bytes {size}",
        "labelled": labelled,
        "ordinary": ordinary,
    }
    STORED.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def labelled_rows(held_out: bool) -> list[dict[str, Any]]:
    """Of each kind: labels, labels met, claims, and claims that meet a label, in one half of the labelled texts."""
    texts = list(labelled_texts(SHARED, held_out))
    answers = iter(run("Winnow", [text for text, _ in texts], None, 1)[0])
    tally = measure(iter(texts), lambda _: next(answers))
    half = "held out" if held_out else "seen"
    return [
        {"half": half, "kind": kind, "labels": tally.labels[kind], "met": tally.met[kind]}
        | {"claims": tally.claims[kind], "right": tally.right[kind]}
        for kind in KINDS[:-1]
    ]


def print_scores(finders: tuple[str, ...], peers: Path | None) -> None:
    """Precision, recall and F1 by kind on both halves of the labelled texts."""
    for held_out in (False, True):
        texts = list(labelled_texts(SHARED, held_out))
        half = "held out" if held_out else "seen"
        print(f"\nlabelled texts, {half} templates ({len(texts)} texts): precision recall F1")
        tallies = {}
        for finder in finders:
            answers = iter(run(finder, [text for text, _ in texts], peers)[0])
            tallies[finder] = measure(iter(texts), lambda _, answers=answers: next(answers))  # type: ignore[misc]
        print(f"{'kind':10}{'labels':>8}" + "".join(f"{finder:>20}" for finder in finders))
        for kind in KINDS:
            labels = tallies["Winnow"].labels
            count = labels.total() if kind == "all" else labels[kind]
            cells = ["  ".join(f"{value:.2f}" for value in tallies[finder].scores(kind)) for finder in finders]
            print(f"{kind:10}{count:>8}" + "".join(f"{cell:>20}" for cell in cells))


def print_ordinary(size: int) -> None:
    """Hits by kind per 100,000 words, and the speed, by domain."""
    print("\nordinary text: MB, MB a CPU second, hits per 100,000 words")
    for name in DOMAINS:
        texts = head(name, size)
        found, seconds = run("Winnow", texts, None)
        counts = Counter(kind for spans in found for kind, _, _ in spans)
        words = sum(len(text.split()) for text in texts)
        rates = ", ".join(f"{kind} {count * 1e5 / words:.2f}" for kind, count in sorted(counts.items())) or "none"
        print(f"{name:26}{megabytes(texts):6.1f}{megabytes(texts) / seconds:8.1f}  {rates}")


def print_hostile() -> None:
    """CPU seconds of hostile texts of a megabyte, slowest first, and how many times those of a quarter of it."""
    print("\nhostile texts of 1 MB: CPU seconds, times those of 0.25 MB, unit")
    rows = []
    for unit in HOSTILE:
        quarter, whole = (run("Winnow", [hostile_text(unit, size)], None)[1] for size in (250_000, 1_000_000))
        rows.append((whole, whole / quarter, unit))
    for whole, times, unit in sorted(rows, reverse=True):
        print(f"{whole:8.2f}{times:8.1f}  {unit!r}")


def print_speeds(finders: tuple[str, ...], peers: Path | None, size: int) -> None:
    """MB a CPU second and hits of every finder over the same texts."""
    texts = head("web-wcxb-dev.part1", size)
    print(f"\n{megabytes(texts):.2f} MB of web text: MB a CPU second, hits per 100,000 words")
    words = sum(len(text.split()) for text in texts)
    for finder in finders:
        found, seconds = run(finder, texts, peers)
        counts = Counter(kind for spans in found for kind, _, _ in spans)
        rates = ", ".join(f"{kind} {count * 1e5 / words:.1f}" for kind, count in sorted(counts.items()))
        print(f"{finder:12}{megabytes(texts) / seconds:10.3f}  {rates}")


def head(name: str, size: int) -> list[str]:
    """The first texts of a domain, about `size` bytes."""
    texts: list[str] = []
    taken = 0
    for text in texts_of(SHARED / "text" / f"{name}.jsonl.zst"):
        if taken >= size:
            break
        texts.append(text)
        taken += len(text.encode())
    return texts


def megabytes(texts: list[str]) -> float:
    return sum(len(text.encode()) for text in texts) / 1e6


if __name__ == "__main__":
    main()
