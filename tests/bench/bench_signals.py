"""What the heuristic families cost a page: Winnow beside datatrove on the same texts, stage by stage.

    python -m tests.bench.bench_signals [--pages 256] [--bytes 5000] [--venv DIR] [--quick]

Pages are cut from the shared web texts, each of about so many bytes, judged in one batch on one core; CPU time, the
least of the rounds. The floor is a count over the same bytes by numpy, taken in between. datatrove stops at a filter's
first failed rule; Winnow measures every signal of every page. `--quick` leaves datatrove out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from flows.heap import keep_freed_memory
from flows.recipe import load_recipe
from pipeline.batch import DocumentBatch
from pipeline.judging import run_stages
from pipeline.stage import Stage
from tests.bench.agreement import DATA, clean_texts
from tests.bench.vs_datatrove import default_environment, prepare_environment

ROUNDS = 15
FAMILIES = ("url", "gopher", "c4", "fineweb", "lines", "nemo")


def main() -> None:
    """Time both sides and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pages", type=int, default=256)
    parser.add_argument("--bytes", type=int, default=5000)
    parser.add_argument("--venv", type=Path, default=default_environment(), help="datatrove's virtual environment")
    parser.add_argument("--quick", action="store_true", help="Winnow alone")
    options = parser.parse_args()
    keep_freed_memory()  # as the archive task does
    texts = [text for text, _ in zip(pages(options.bytes), range(options.pages), strict=False)]
    ours, whole, floor = time_winnow(texts)
    theirs = {} if options.quick else time_datatrove(texts, prepare_environment(options.venv))
    Console(width=110).print(as_table(len(texts), ours, whole, floor, theirs))


def pages(size: int) -> Iterator[str]:
    """Pieces of web pages, each of about so many bytes of UTF-8."""
    for path in sorted((DATA / "text").glob("web-*.jsonl.zst")):
        for text in clean_texts(path):
            data = text.encode()
            for start in range(0, len(data) - size + 1, size):
                yield data[start : start + size].decode(errors="ignore")


def time_winnow(texts: list[str]) -> tuple[dict[str, float], float, float]:
    """CPU seconds of each stage, of all of them with their rules, and of the floor."""
    recipe = load_recipe("fineweb", ["lines.enabled=true", "nemo.enabled=true"])
    stages: list[Stage] = [stage for name in FAMILIES for stage in getattr(recipe, name).stages()]
    language = replace(recipe.language.stages()[0], rules=())
    urls = pa.array([f"https://www.example.org/archive/2026/story-{number}.html" for number in range(len(texts))])
    batch = DocumentBatch({"text": pa.array(texts), "url": urls, "host": pa.array(["www.example.org"] * len(texts))})
    data = batch.utf8.data
    run_stages(batch, stages)
    found: dict[str, float] = {}
    whole = floor = np.inf
    for _ in range(ROUNDS):
        fresh = DocumentBatch({name: batch.column(name) for name in batch.names})
        started = time.process_time()
        costs = run_stages(fresh, stages).costs
        whole = min(whole, time.process_time() - started)
        for name, cost in costs.items():
            found[name] = min(found.get(name, np.inf), cost.cpu_seconds)
        found["language"] = min(found.get("language", np.inf), seconds_of(lambda: language.compute(batch)))
        floor = min(floor, seconds_of(lambda: np.count_nonzero((data & 0xC0) != 0x80)))
    return found, whole, floor


def seconds_of(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def time_datatrove(texts: list[str], python: Path) -> dict[str, float]:
    """CPU seconds of each of datatrove's filters."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as given:
        json.dump(texts, given)
        given.flush()
        script = Path(__file__).with_name("signals_side.py")
        done = subprocess.run([python, script, given.name], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{script.name} failed:\n{done.stderr[-2000:]}")
    result: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def as_table(count: int, ours: dict[str, float], whole: float, floor: float, theirs: dict[str, float]) -> Table:
    table = Table(title=f"CPU time per page, one core, {count} pages in a batch")
    for heading in ("stage", "winnow µs", "datatrove µs", "times", "× floor"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    rows = {**{name: ours[name] for name in ours if name != "language"}, "all, with rules": whole}
    rows["language (not one of the families)"] = ours["language"]
    peers = {**theirs, **({"the four of FineWeb": sum(theirs.values())} if theirs else {})}
    rows["the four of FineWeb"] = sum(ours[name] for name in ("gopher_repetition", "gopher_quality", "c4", "fineweb"))
    for name, seconds in rows.items():
        other = peers.get(name)
        cells = (f"{other / count * 1e6:,.0f}", f"{other / seconds:,.0f}") if other else ("", "")
        table.add_row(name, f"{seconds / count * 1e6:.1f}", *cells, f"{seconds / floor:,.0f}")
    table.add_row("floor: one count over the bytes", f"{floor / count * 1e6:.2f}", "", "", "1")
    return table


if __name__ == "__main__":
    main()
