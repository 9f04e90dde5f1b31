"""How long a lake of 90,000 archives takes to list and to plan a question of, on local disk and on an S3-like server.

    python -m tests.bench.bench_catalog [--archives 90000] [--s3]

The lake is synthetic: committed rows of real shape in a manifest, a name for each of them, and ledgers that are links
to a few small files. Planning is a question with LIMIT 0: no page is read. Without a manifest every row is opened; that
is measured on a thousand of them. `--s3` puts manifest, run and one ledger on a local server (moto): planning must ask
for nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa

from storage import manifest, schema
from storage.catalog import Catalog
from storage.lake import Lake
from storage.shards import write_table
from tests.lakes import RULES, STAGES, PageSpec, add_archive, pages_of

CRAWL = "CC-MAIN-2026-05"
MARK = "0123456789abcdef"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
READ = 1000  # rows read one by one for the figure without a manifest
QUESTIONS = ("FROM archives LIMIT 1", "FROM books LIMIT 0", "FROM funnel LIMIT 0", "FROM ledger LIMIT 0")


def name_of(number: int) -> str:
    """An archive's name, as long as Common Crawl's."""
    return f"segments/{number // 900}/warc/{CRAWL}-20260101000000-20260101030000-{number:05}.warc.gz"


def make_lake(lake: Lake, archives: int) -> None:
    """Rows, names, ledgers and the run that lists them."""
    ledger = write_table(lake.root, "ledger.parquet", "pages", pages_of(CRAWL, name_of(0), [PageSpec("one")]))
    rows = [_row(lake, number, ledger.to_dict()) for number in range(archives)]
    for number in range(archives):
        for path, source in ((rows[number]["path"], None), (rows[number]["outputs"][0]["path"], number % 4)):
            _put(lake, path, source)
    run = {
        "run_id": "bench", "flow": "corpus", "name": "bench", "state": "finished", "started_at": NOW,
        "finished_at": NOW, "failed": [], "recipe": json.dumps({"name": "bench", "stages": STAGES, "rules": RULES}),
        "steps": [{"step": "annotate", "key": f"{CRAWL}/{name_of(n)}", "fingerprint": MARK} for n in range(archives)],
    }  # fmt: skip
    write_table(lake.root, lake.run_path("bench"), "runs", pa.Table.from_pylist([run], schema.RUNS))
    write_manifest(lake, pa.Table.from_pylist(rows, manifest.SCHEMA).sort_by("path"))


def write_manifest(lake: Lake, rows: pa.Table) -> None:
    """The manifest as `manifest.refresh` writes it, without the rows having to be there."""
    claim = manifest.finished_runs(lake)
    told = rows.append_column(manifest.FILE.field(manifest.RUNS), pa.array([claim] * len(rows), pa.string()))
    write_table(lake.root, manifest.PATH, "manifest", told.cast(manifest.FILE))


def _row(lake: Lake, number: int, ledger: dict[str, Any]) -> dict[str, Any]:
    name = name_of(number)
    output = {**ledger, "path": lake.pages_path(CRAWL, name, MARK)}
    others = [{**output, "table": t, "path": f"{t}/{name}"} for t in ("bands", "documents_of_no_view", "other")]
    return {field.name: 0 for field in schema.ARCHIVES} | {
        "crawl": CRAWL, "archive": name, "fingerprint": MARK, "uri": name, "sha256": "0" * 64, "format": "warc",
        "offsets_in": "file", "source": "{}", "selection": None, "records": 30_000, "kept_records": 30_000,
        "skipped_by_kind": [("request", 9)], "stages": list(STAGES), "outputs": [output, *others],
        "finished_at": NOW, "path": lake.archive_row_path(CRAWL, name, MARK),
    }  # fmt: skip


def _put(lake: Lake, path: str, source: int | None) -> None:
    """A name: of a row an empty file, of a ledger a link (a file system allows some 65,000 of each)."""
    target = Path(lake.absolute(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    if source is None:
        target.touch()
        return
    original = Path(lake.absolute(f"ledger-{source}.parquet"))
    if not original.exists():
        original.write_bytes(Path(lake.absolute("ledger.parquet")).read_bytes())
    os.link(original, target)


def timed(name: str, work: Callable[[], Any]) -> None:
    """Print wall and CPU seconds."""
    wall, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    work()
    now = resource.getrusage(resource.RUSAGE_SELF)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    print(f"{name:44} {time.perf_counter() - wall:7.2f} s wall {cpu:7.2f} s CPU", flush=True)


def without_manifest(folder: Path) -> None:
    """Read a thousand rows, as every reader did."""
    lake = Lake(str(folder))
    for number in range(READ):
        add_archive(lake, name_of(number), [PageSpec("one")])
    timed(f"list {READ:,} archives without a manifest", lambda: manifest.committed(lake))


def ask(lake: Lake) -> None:
    """List, plan, and what a change of one archive costs."""
    timed("list: every committed row", lambda: manifest.committed(lake))
    timed("what is in force", lambda: Catalog(lake).selection())
    for statement in QUESTIONS:
        timed(f"plan: {statement}", lambda statement=statement: Catalog(lake).query(statement))  # type: ignore[misc]


def on_s3(lake: Lake) -> None:
    """The same of a server that speaks S3 and holds little more than the manifest."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    fsspec.config.conf["s3"] = {"endpoint_url": f"http://{host}:{port}", "key": "key", "secret": "secret"}
    store = fsspec.filesystem("s3")
    store.mkdir("bench")
    remote = Lake("s3://bench/lake")
    first = lake.pages_path(CRAWL, name_of(0), MARK)
    for path in (lake.run_path("bench"), first):
        store.put_file(lake.absolute(path), f"bench/lake/{path}")
    write_manifest(remote, manifest.committed(lake))
    try:
        ask(remote)
    finally:
        server.stop()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--archives", type=int, default=90_000)
    parser.add_argument("--s3", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        without_manifest(Path(folder) / "small")
        lake = Lake(str(Path(folder) / "lake"))
        timed(f"make a lake of {options.archives:,} archives", lambda: make_lake(lake, options.archives))
        ask(lake)
        if options.s3:
            on_s3(lake)


if __name__ == "__main__":
    main()
