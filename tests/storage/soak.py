"""Readers and a writer on one lake at once: no lock error, no half-written view, no session that changes meanwhile.

    python -m tests.storage.soak [--seconds 3600] [--readers 2]

One process adds archives and runs and swaps the catalog, as the flows do; others ask by `Catalog`, and by a DuckDB
client that opens `winnow.duckdb` and keeps it open for several questions.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from storage.catalog import Catalog
from storage.lake import Lake
from storage.manifest import refresh
from tests.lakes import PageSpec, add_archive, add_run

STATEMENT = "SELECT count(*)::BIGINT, (SELECT sum(pages_in) FROM funnel WHERE stage = 'read')::BIGINT FROM ledger"
PAGES = 5


@dataclass(frozen=True)
class Seen:
    """What a soak met: questions answered, archives added, and every error in words."""

    queries: int
    archives: int
    errors: list[str]


def soak(lake: Lake, seconds: float, readers: int) -> Seen:
    """Let them all run for that long."""
    add(lake, 0)
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    until = time.time() + seconds
    workers = [context.Process(target=_write, args=(lake, until, told))]
    workers += [context.Process(target=_read, args=(lake, until, told)) for _ in range(readers)]
    for worker in workers:
        worker.start()
    found = [told.get(timeout=seconds + 120) for _ in workers]
    for worker in workers:
        worker.join()
    errors = [error for _, _, failures in found for error in failures]
    return Seen(sum(asked for asked, _, _ in found), 1 + sum(made for _, made, _ in found), errors)


def add(lake: Lake, number: int) -> None:
    """An archive and a run of all there are, then the manifest and the views: as a corpus run ends."""
    add_archive(lake, f"{number:05}.warc.gz", [PageSpec(f"{number} {n}") for n in range(PAGES)])
    steps = [("annotate", f"c1/{n:05}.warc.gz", "a" * 16) for n in range(number + 1)]
    add_run(lake, f"r{number:05}", steps, age_hours=-number)
    refresh(lake)
    Catalog(lake).rebuild()


def _write(lake: Lake, until: float, told: Any) -> None:
    number, errors = 0, []
    while not number or time.time() < until:
        number += 1
        try:
            add(lake, number)
        except Exception as error:
            errors.append(f"writer: {type(error).__name__}: {error}")
    told.put((0, number, errors))


def _read(lake: Lake, until: float, told: Any) -> None:
    asked, most, errors = 0, 0, []
    while not asked or time.time() < until:
        try:
            pages = _ask_both(lake)
            if pages < most:
                errors.append(f"reader: {pages} pages after {most}")
            asked, most = asked + 4, max(most, pages)
        except Exception as error:
            errors.append(f"reader: {type(error).__name__}: {error}")
    told.put((asked, 0, errors))


def _ask_both(lake: Lake) -> int:
    """Pages by the catalog, after an open session has said the same three times."""
    with duckdb.connect(lake.absolute("winnow.duckdb"), read_only=True) as session:
        said = {_whole(session.sql(STATEMENT).fetchall()) for _ in range(3)}
    if len(said) != 1:
        raise AssertionError(f"a session saw {sorted(said)}")
    table = Catalog(lake).query(STATEMENT)
    return max(*said, _whole([tuple(row.values()) for row in table.to_pylist()]))


def _whole(rows: list[tuple[int, ...]]) -> int:
    [(pages, read)] = rows
    if pages != read or pages % PAGES:
        raise AssertionError(f"{pages} pages, {read} in the funnel")
    return pages


def main() -> None:
    """Soak a lake in a temporary directory and say what happened."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--readers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seen = soak(Lake(str(Path(folder) / "lake")), options.seconds, options.readers)
    print(f"{seen.queries:,} questions while {seen.archives:,} archives came in: {len(seen.errors)} errors")
    print("\n".join(seen.errors[:20]))


if __name__ == "__main__":
    main()
