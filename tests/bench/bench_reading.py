"""How fast archives are read: winnow, FastWARC and warcio on the same file in the same run, taking turns.

    python -m tests.bench.bench_reading [FILE]

Every reader yields every record with its whole block in memory. CPU time, median of the rounds.
Without FILE it reads ../shared/data/warc/docs-crawl/wget-00-debian-multi.warc.gz. A reader that is not
installed is left out. With digests: winnow checks block digests, the others what they check by themselves.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pipeline.archive.digests import block_digest_holds
from pipeline.archive.reader import read_archive
from pipeline.archive.records import Record

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = ROOT.parent / "shared/data/warc/docs-crawl/wget-00-debian-multi.warc.gz"
Reader = Callable[[Path], tuple[int, int]]


def read_with_winnow(path: Path, digests: bool = False) -> tuple[int, int]:
    """Records and bytes of their blocks."""
    records = size = 0
    with path.open("rb") as stream:
        for item in read_archive(stream, path.name, path.stat().st_size):
            if isinstance(item, Record) and not (digests and block_digest_holds(item) is False):
                records += 1
                size += len(item.block)
    return records, size


def read_with_fastwarc(path: Path, digests: bool = False) -> tuple[int, int]:
    """Records and bytes of their blocks."""
    from fastwarc.warc import ArchiveIterator

    records = size = 0
    with path.open("rb") as stream:
        for record in ArchiveIterator(stream, parse_http=False, verify_digests=digests):
            records += 1
            size += len(record.reader.read())
    return records, size


def read_with_warcio(path: Path, digests: bool = False) -> tuple[int, int]:
    """Records and bytes of their blocks."""
    from warcio.archiveiterator import ArchiveIterator

    records = size = 0
    with path.open("rb") as stream:
        for record in ArchiveIterator(stream, no_record_parse=True, check_digests=digests):
            records += 1
            size += len(record.raw_stream.read())
    return records, size


def readers() -> dict[str, Reader]:
    """What can be measured here, by name."""
    found: dict[str, Reader] = {
        "winnow": read_with_winnow,
        "winnow, digests": lambda path: read_with_winnow(path, True),
    }
    if importlib.util.find_spec("fastwarc"):
        found |= {
            "FastWARC": read_with_fastwarc,
            "FastWARC, digests": lambda path: read_with_fastwarc(path, True),
        }
    if importlib.util.find_spec("warcio"):
        found |= {"warcio": read_with_warcio, "warcio, digests": lambda path: read_with_warcio(path, True)}
    return found


def measure(path: Path, rounds: int) -> dict[str, tuple[float, int, int]]:
    """CPU seconds (median), records and block bytes by reader."""
    seconds: dict[str, list[float]] = {}
    results: dict[str, tuple[int, int]] = {}
    for _ in range(rounds):
        for name, reader in readers().items():
            started = time.process_time()
            results[name] = reader(path)
            seconds.setdefault(name, []).append(time.process_time() - started)
    return {name: (statistics.median(times), *results[name]) for name, times in seconds.items()}


def main() -> None:
    """Measure and print a table."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    arguments.add_argument("file", nargs="?", type=Path, default=DEFAULT)
    arguments.add_argument("--rounds", type=int, default=5)
    options = arguments.parse_args()
    if not options.file.is_file():
        sys.exit(f"{options.file} is not there: name a WARC file")
    size = options.file.stat().st_size
    print(f"{options.file.name}: {size / 1e6:.1f} MB, {options.rounds} rounds\n")
    print(f"{'reader':<20}{'MB/s':>8}{'us a record':>13}{'records':>10}{'block MB':>10}")
    for name, (seconds, records, block_bytes) in measure(options.file, options.rounds).items():
        per_record = seconds / max(records, 1) * 1e6
        rate = size / 1e6 / seconds
        print(f"{name:<20}{rate:>8.0f}{per_record:>13.1f}{records:>10}{block_bytes / 1e6:>10.1f}")


if __name__ == "__main__":
    main()
