"""Decontamination and toxicity: speed, planted items found, and a classifier of tweets on ordinary text.

    python -m tests.bench.bench_safety

Items of three zero-shot sets are planted in real pages, verbatim and with one word in twelve changed; found are
those whose item is named in the page's spans. Speeds are CPU time of one process over the shared clean text.
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path

from flows.toxicity_training import read_labelled, train_classifier
from pipeline.batch import DocumentBatch
from pipeline.benchmarks import BenchmarkFile
from pipeline.decontaminate import DecontaminateConfig
from pipeline.judging import run_stages
from pipeline.stage import Stage
from pipeline.toxicity import ToxicityConfig
from tests.bench.bench_pii import DOMAINS, SHARED, head, megabytes

SETS = ("piqa", "arc_easy", "openbook_qa")
SIZE = 8_000_000


def main() -> None:
    """Print both tables."""
    files = tuple(BenchmarkFile(name=name, path=str(SHARED / f"zeroshot/{name}.jsonl")) for name in SETS)
    config = DecontaminateConfig(benchmarks=files)
    [stage] = config.stages()
    print_planted(config, stage)
    timed(stage, ["warm up"])
    print("\nordinary text: MB a CPU second searched for the three sets, pages with a stretch, pages dropped")
    for name in DOMAINS:
        texts = head(name, SIZE)
        seconds, table = timed(stage, texts)
        held = sum(count > 0 for count in table["contaminated_item_count"].to_pylist())
        dropped = sum(rules != [] for rules in table["failed_rules"].to_pylist())
        print(f"{name:26}{megabytes(texts) / seconds:8.1f}{held:6}{dropped:6} of {len(texts)}")
    print_toxicity()


def timed(stage: Stage, texts: list[str]):  # type: ignore[no-untyped-def]
    """CPU seconds of the stage over the texts, and the verdicts' table."""
    batch = DocumentBatch.of_texts(texts)
    batch.utf8  # noqa: B018  what the batch computes once is not the stage's cost
    started = time.process_time()
    table = run_stages(batch, (stage,)).table
    return time.process_time() - started, table


def print_planted(config: DecontaminateConfig, stage: Stage) -> None:
    """Shares of planted items found, by set and kind of edit."""
    hosts = head("web-wcxb-dev.part1", 2_000_000)
    items = [item for number, item in enumerate(config.index().items) if number not in config.index().skipped]
    print(f"planted in web pages: {len(items)} items long enough, {len(config.index().skipped)} too short")
    for edit in ("verbatim", "case and punctuation", "one word in twelve changed"):
        source = random.Random(1)
        pages = []
        for n, item in enumerate(items):
            planted = edited(max(item.passages, key=lambda passage: len(passage.split())), edit, source)
            host = hosts[n % len(hosts)][:3000]
            pages.append(f"{host}\n{planted}\n{host}")
        spans = timed(stage, pages)[1]["contamination_spans"].to_pylist()
        hits = [
            any((span["benchmark"], span["item"]) == (item.benchmark, item.number) for span in row)
            for item, row in zip(items, spans, strict=True)
        ]
        print(f"  {edit:28} found {sum(hits) / len(hits):.4f}")


def edited(text: str, edit: str, source: random.Random) -> str:
    """The text with that kind of edit."""
    if edit == "verbatim":
        return text
    if edit == "case and punctuation":
        return text.upper().replace(",", " -").replace(".", " ;")
    words = text.split()
    for start in range(0, len(words), 12):
        if start + 12 <= len(words):
            words[start + source.randrange(12)] = "xylophone"
    return " ".join(words)


def print_toxicity() -> None:
    """The classifier trained on the shared tweets: on held-out tweets, and on ordinary text."""
    labelled = read_labelled(SHARED / "quality/hatespeech-davidson-80pct.csv", "tweet", "class", frozenset(("0", "1")))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "toxic.bin"
        found = train_classifier(labelled, path, 0.2)
        print(f"\ntoxicity: {found['trained_texts']} tweets trained on, {found['held_out_texts']} held out")
        for row in found["thresholds"]:
            print("  " + "  ".join(f"{name} {value:.3f}" for name, value in row.items()))
        [stage] = ToxicityConfig(model=str(path)).stages()
        print("ordinary text: MB a CPU second, pages with toxic_prob over 0.5")
        for name in DOMAINS:
            texts = head(name, SIZE // 8)
            seconds, table = timed(stage, texts)
            over = sum(prob > 0.5 for prob in table["toxic_prob"].to_pylist())
            print(f"{name:26}{megabytes(texts) / seconds:8.1f}{over:6} of {len(texts)}")


if __name__ == "__main__":
    main()
