"""Winnow beside datatrove: the FineWeb filters on the same WARC files in the same run, taking turns.

    python -m tests.bench.vs_datatrove [FILE...] [--records N] [--rounds 3] [--workers 1] [--venv DIR] [--json FILE]

Each side runs in a process of its own on one core, file by file: read, extract, language, Gopher, C4,
FineWeb. Winnow runs its `fineweb` recipe with personal data and signatures off, as datatrove's filters have
neither; it extracts with its own extractor (--extract for the others), datatrove with trafilatura. Figures are
CPU seconds, of each stage and of the whole process after its imports, the least of the rounds; models load and
compiled kernels come from their cache within it. Pages are the html pages each reader found: datatrove takes a
page without a WARC-Identified-Payload-Type for html only when libmagic does, so the two read different numbers;
compare time per page.

Memory is what a machine must have free: the peak of what all processes of a side have together, from their start, each
page counted once that several share (`tests.bench.footprint`); the round with the largest counts. datatrove extracts in
a child process and Winnow in the one it has. With --workers that many run at once over the same file, each side's
workers sharing no more than their libraries, as both start them.

datatrove is installed into an environment of its own at the first run (--venv; WINNOW_DATATROVE_VENV; else
under the user's cache directory). After that nothing needs a network.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from flows.annotate_task import AnnotateJob, annotate
from flows.recipe import load_recipe
from pipeline.archive.reader import read_archive
from pipeline.language import shipped_model
from storage.inputs import expand_inputs
from storage.lake import Lake
from tests.bench.footprint import Footprint

ROOT = Path(__file__).resolve().parents[2]
WARCS = ROOT.parent / "shared" / "data" / "warc"
DEFAULT_FILES = (WARCS / "docs-crawl" / "wget-06-small-mixed.warc.gz",)
REQUIREMENTS = ("datatrove[io,processing]==0.10.1", "spacy>=3.8,<4", "lxml_html_clean")
STAGES = ("read", "extract", "language", "gopher_repetition", "gopher_quality", "c4", "fineweb", "all")
MEMORY = {
    "peak memory": ("own_bytes", "files_bytes"),
    "its own": ("own_bytes",),
    "of files": ("files_bytes",),
}
"""Rows of the table, with what they are the sum of: see `tests.bench.footprint`."""
OFF = ("pii.enabled=false", "dedup.enabled=false")

Result = dict[str, Any]


def main() -> None:
    """Compare, print the table, write the figures."""
    options = read_options()
    if options.winnow:
        print(json.dumps(run_winnow(options.files[0], options.extract)))
        return
    python = prepare_environment(options.venv)
    with tempfile.TemporaryDirectory() as folder:
        files = [cut(path, options.records, Path(folder)) if options.records else path for path in options.files]
        results = [compare(path, options, python) for path in files]
    for result in results:
        Console(width=110).print(as_table(result))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, default=list(DEFAULT_FILES))
    parser.add_argument("--records", type=int, help="only the first so many records of each file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1, help="of each side at once")
    parser.add_argument("--venv", type=Path, default=default_environment(), help="datatrove's virtual environment")
    parser.add_argument("--extract", default="winnow", choices=("winnow", "resiliparse", "trafilatura"))
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--winnow", action="store_true", help=argparse.SUPPRESS)  # one side, in its own process
    return parser.parse_args()


def default_environment() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(os.environ.get("WINNOW_DATATROVE_VENV", cache / "winnow" / "datatrove-0.10.1"))


def prepare_environment(folder: Path) -> Path:
    """Its Python; the environment is made where it is missing or unfinished."""
    python, finished = folder / "bin" / "python", folder / "requirements.txt"
    wanted = "\n".join(REQUIREMENTS)
    if not (finished.is_file() and finished.read_text() == wanted):
        print(f"installing datatrove into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *REQUIREMENTS], check=True)
        finished.write_text(wanted)
    return python


def cut(path: Path, records: int, folder: Path) -> Path:
    """A file of the first so many records, under the same name."""
    with path.open("rb") as stream:
        items = itertools.islice(read_archive(stream, path.name, path.stat().st_size), records)
        end = max(item.offset + item.length for item in items)
        stream.seek(0)
        (folder / path.name).write_bytes(stream.read(end))
    return folder / path.name


def compare(path: Path, options: argparse.Namespace, python: Path) -> Result:
    """Both sides on one file, taking turns; of each the round that took least CPU time."""
    model = shipped_model()
    datatrove = [python, Path(__file__).with_name("datatrove_side.py"), path, model]
    winnow = [
        sys.executable,
        "-m",
        "tests.bench.vs_datatrove",
        path,
        "--winnow",
        "--extract",
        options.extract,
    ]
    run_side(winnow)  # kernels are compiled once a machine, not once a run
    rounds: dict[str, list[Result]] = {"winnow": [], "datatrove": []}
    for _ in range(options.rounds):
        rounds["winnow"].append(run_side(winnow, options.workers))
        rounds["datatrove"].append(run_side(datatrove, options.workers))
    best = {side: min(results, key=lambda r: r["cpu_seconds"]) for side, results in rounds.items()}
    for side, results in rounds.items():
        best[side]["memory"] = max((result["memory"] for result in results), key=lambda m: sum(m.values()))
    spread = {side: [r["cpu_seconds"] for r in results] for side, results in rounds.items()}
    return {"file": path.name, "file_bytes": path.stat().st_size, **best, "rounds": spread}


def run_side(command: list[Any], workers: int = 1) -> Result:
    """The JSON that a side prints last, of the first of so many at once, and the peak memory of them all."""
    words = [str(part) for part in command]
    with Footprint() as footprint, ThreadPoolExecutor(workers) as pool:
        results = list(pool.map(lambda _: run_process(words, footprint), range(workers)))
    peak = footprint.peak
    return results[0] | {"memory": {"own_bytes": peak.own, "files_bytes": peak.files}}


def run_process(words: list[str], footprint: Footprint) -> Result:
    """What one process of a side prints last."""
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    footprint.watch(process.pid)
    output, errors = process.communicate()
    if process.returncode:
        raise SystemExit(f"{words[1]} failed:\n{errors[-2000:]}")
    result: Result = json.loads(output.strip().splitlines()[-1])
    return result


def run_winnow(path: Path, engine: str) -> Result:
    """The annotate step on one file, into a lake that is thrown away."""
    recipe = load_recipe("fineweb", [*OFF, f"extract.engine={engine}"])
    (source,) = expand_inputs([str(path)])
    with tempfile.TemporaryDirectory() as folder:
        job = AnnotateJob(folder, source, recipe)
        started = time.process_time(), time.perf_counter()
        row = annotate(job)
        cpu, wall = time.process_time() - started[0], time.perf_counter() - started[1]
        lake = Lake(folder)
        costs = pq.read_table(lake.absolute(lake.costs_path("annotate", job.label, job.fingerprint)))
    stages = [
        {key: r[key] for key in ("stage", "rows", "cpu_seconds")} for r in costs.to_pylist() if r["stage"] != "all"
    ]
    return {
        "stages": stages,
        "kept": row["kept_records"],
        "cpu_seconds": cpu,
        "wall_seconds": wall,
    }


def as_table(result: Result) -> Table:
    """Pages that reached each stage, CPU time for each of them, pages a second and core; and how many times
    faster."""
    sides = {side: in_stages(result[side]) for side in ("winnow", "datatrove")}
    table = Table(title=f"{result['file']}: CPU time per page, one core")
    for heading in (
        "stage",
        "winnow pages",
        "ms/page",
        "pages/s",
        "datatrove pages",
        "ms/page",
        "pages/s",
        "times",
    ):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for stage in STAGES:
        cells = [side.get(stage) for side in sides.values()]
        ratio = f"{cells[1][1] / cells[0][1]:.1f}" if all(cells) and cells[0] and cells[1] else ""
        table.add_row(stage, *(text for cell in cells for text in in_words(cell)), ratio)
    kept = [str(result[side]["kept"]) for side in sides]
    table.add_row("kept", kept[0], "", "", kept[1])
    table.add_row("given up after 1 s", "", "", "", str(result["datatrove"]["timeouts"]))
    for name, parts in MEMORY.items():
        peaks = [f"{sum(result[side]['memory'][part] for part in parts) / 2**20:,.0f} MB" for side in sides]
        table.add_row(name, peaks[0], "", "", peaks[1])
    return table


def in_stages(side: Result) -> dict[str, tuple[int, float]]:
    """Stage to pages that reached it and CPU milliseconds for each; Winnow's stages under the names of
    `STAGES`."""
    pages = pages_of(side)
    seconds: dict[str, tuple[int, float]] = {}
    for row in side["stages"]:
        name = "read" if row["stage"] == "decode" else row["stage"]
        rows, before = (pages, seconds.get("read", (0, 0.0))[1]) if name == "read" else (row["rows"], 0.0)
        seconds[name] = (rows, before + row["cpu_seconds"])
    seconds["all"] = (pages, side["cpu_seconds"])
    return {name: (rows, 1000 * cpu / max(rows, 1)) for name, (rows, cpu) in seconds.items()}


def pages_of(side: Result) -> int:
    """Html pages read: what extraction was given."""
    return int(next(row["rows"] for row in side["stages"] if row["stage"] == "extract"))


def in_words(cell: tuple[int, float] | None) -> tuple[str, str, str]:
    if cell is None:
        return ("", "", "")
    rows, milliseconds = cell
    return (f"{rows:,}", f"{milliseconds:.3f}", f"{1000 / milliseconds:,.0f}" if milliseconds else "")


if __name__ == "__main__":
    main()
