"""What the way to an archive costs: over HTTP beside fsspec's and the disk; chosen records beside a plain loop.

    python -m tests.bench.bench_sources [FILE] [--delay SECONDS]

A server in another process sends the file, waiting `--delay` seconds before each answer, as a network does. CPU is
this process's, wall is the clock's; the sides take turns, median of the rounds.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec

from pipeline.archive.reader import read_archive
from storage.files import open_read
from storage.ranges import Range, plan_requests, read_ranges
from storage.web import WebFile

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = ROOT.parent / "shared/data/warc/docs-crawl/wget-00-debian-multi.warc.gz"
SHARES = (0.01, 0.1, 0.5)
PIECE = 1 << 20


@contextmanager
def serving(folder: Path, delay: float) -> Iterator[str]:
    """The base URL of a server in a process of its own."""
    command = [sys.executable, "-m", "tests.storage.crawl_server", str(folder), "--delay", str(delay)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.kill()


def read_stream(open_it: Callable[[], object]) -> int:
    """Bytes of a stream read to its end in pieces of 1 MiB."""
    size = 0
    with open_it() as stream:  # type: ignore[attr-defined]
        while data := stream.read(PIECE):
            size += len(data)
    return size


def measure(sides: dict[str, Callable[[], int]], rounds: int) -> dict[str, tuple[float, float, int]]:
    """CPU seconds and wall seconds (medians), and what each side returned."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    results = {}
    for _ in range(rounds):
        for name, side in sides.items():
            cpu, wall = time.process_time(), time.perf_counter()
            results[name] = side()
            times[name].append((time.process_time() - cpu, time.perf_counter() - wall))
    return {
        name: (statistics.median(c for c, _ in found), statistics.median(w for _, w in found), results[name])
        for name, found in times.items()
    }


def records_of(path: Path) -> list[Range]:
    """Offset and length of every record of an archive."""
    with path.open("rb") as stream:
        return [(item.offset, item.length) for item in read_archive(stream, path.name, path.stat().st_size)]


def one_by_one(uri: str, ranges: list[Range]) -> int:
    """A request a record, one after another."""
    file = WebFile(uri)
    return sum(len(file.read(offset, offset + length)) for offset, length in ranges)


def show(title: str, found: dict[str, tuple[float, float, int]]) -> None:
    """A table."""
    print(f"\n{title}\n{'':<28}{'CPU s':>8}{'wall s':>8}{'MB':>8}")
    for name, (cpu, wall, size) in found.items():
        print(f"{name:<28}{cpu:>8.3f}{wall:>8.2f}{size / 1e6:>8.1f}")


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    arguments.add_argument("file", nargs="?", type=Path, default=DEFAULT)
    arguments.add_argument("--delay", type=float, default=0.02)
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    path: Path = options.file
    if not path.is_file():
        sys.exit(f"{path} is not there: name a WARC file")
    with serving(path.parent, options.delay) as base:
        uri = base + path.name
        whole: dict[str, Callable[[], int]] = {
            "disk": lambda: read_stream(lambda: open_read(str(path))),
            "winnow over HTTP": lambda: read_stream(lambda: open_read(uri)),
            "fsspec over HTTP": lambda: read_stream(lambda: fsspec.open(uri, "rb").open()),
        }
        title = f"the whole of {path.name}, {options.delay * 1000:.0f} ms before each answer"
        show(title, measure(whole, options.rounds))
        records = records_of(path)
        for share in SHARES:
            show(f"{share:.0%} of its {len(records)} records", measure(ways(uri, records, share), 1))


def ways(uri: str, records: list[Range], share: float) -> dict[str, Callable[[], int]]:
    """Two ways to fetch some of the records."""
    draw = random.Random(0)
    chosen = [one for one in records if draw.random() < share]
    return {
        f"{len(plan_requests(chosen))} requests": lambda: sum(map(len, read_ranges(uri, chosen))),
        f"{len(chosen)} requests, a loop": lambda: one_by_one(uri, chosen),
    }


if __name__ == "__main__":
    main()
