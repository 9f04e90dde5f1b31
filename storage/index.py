"""The columnar index of a snapshot: which records are wanted, and where in which archives they lie.

Each file of the index is asked once, and what it has of what is wanted is kept in the lake; from all of these the
choice is made, and kept as a plan: one row a record, in archive order. Archives are then read by the plan's ranges.

Source: https://commoncrawl.org/columnar-index (columns of cc-index/table/cc-main/warc)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from storage.catalog import Catalog, querying
from storage.columns import INT, STRING, field, table
from storage.errors import ShardFailed
from storage.files import exists, join, open_read, sha256_of, stamp
from storage.index_config import IndexConfig
from storage.lake import Lake, fingerprint
from storage.ranges import GAP_BYTES
from storage.shards import Output, ShardWriter, count_rows, iter_batches
from storage.snapshots import Store
from storage.sources import Excerpt
from storage.views import sql_text

VERSION = 1
"""Raised when this file changes what it chooses; part of every fingerprint."""

_SUBSET = "/subset=warc/"

SELECTIONS = table(
    field("archive", STRING, "archive file, its path in the snapshot's layout"),
    field("offset", INT, "where the record starts in the file", "bytes"),
    field("length", INT, "length of the record in the file", "bytes"),
    field("digest", STRING, "digest of the content, as the index has it", null="the index has none"),
)
"""The records chosen from a snapshot's index, in archive order."""


def index_files(store: Store, snapshot: str) -> list[str]:
    """URLs of the files of a snapshot's columnar index that list its successful fetches.

    Raises:
        UserError: There is no such snapshot, or it has no columnar index.
    """
    paths = store.paths(snapshot, "cc-index-table")
    return [store.uri(path) for path in paths if _SUBSET in path]


def stamp_of(uri: str) -> str:
    """What tells one version of an index file from another: a local one may be made anew, a published one is not."""
    return "" if "://" in uri else stamp(uri)


def search_file(lake: Lake, crawl: str, uri: str, archives: Sequence[str], config: IndexConfig) -> str:
    """Ask one file of the index, unless the lake has its answer; the answer's path in the lake.

    Args:
        archives: Paths of the archives that may be read.

    Raises:
        UserError: There is no such file, or `where` is no condition on its columns.
        ShardFailed, Transient: It cannot be read.
    """
    key = fingerprint("index", VERSION, config.conditions(), archives, uri.rpartition("cc-index/")[2], stamp_of(uri))
    path = lake.index_path(crawl, uri.rpartition("/")[2], key)
    if exists(lake.absolute(path)):
        return path
    statement = sql_text("index/wanted").replace("{conditions}", config.conditions())
    with (
        querying(uri, statement, {"archives": list(archives)}) as rows,
        ShardWriter(lake.root, path, "index", SELECTIONS) as writer,
    ):
        for batch in rows:
            writer.write(batch)
        writer.finish()
    return path


def count_records(uri: str) -> int:
    """Records one file of the index lists, wanted or not."""
    with querying(uri, sql_text("index/count"), {}) as rows:
        return int(rows.read_all()["records"][0].as_py())


def choose(lake: Lake, parts: Sequence[str], path: str, config: IndexConfig) -> Output:
    """Write the plan at `path`: of what the index's files have, what is to be fetched."""
    params: dict[str, Any] = config.model_dump(include={"one_per_digest", "max_records"})
    uris = [lake.absolute(part) for part in parts]
    with (
        Catalog(lake).scratch() as scratch,
        ShardWriter(lake.root, path, "selections", SELECTIONS) as writer,
    ):
        for batch in scratch.run("index/chosen", parts=uris, seed=str(config.seed), **params):
            writer.write(batch)
        return writer.finish()


def output_of(lake: Lake, table_name: str, path: str) -> Output:
    """A finished file of the lake as a step lists it."""
    uri = lake.absolute(path)
    with open_read(uri) as stream:
        size = stream.seek(0, 2)
    return Output(table_name, path, count_rows(uri), size, sha256_of(uri))


def excerpts(lake: Lake, plan: str) -> dict[str, Excerpt]:
    """What a plan chose of each archive, by the archive's path."""
    found: dict[str, _Tally] = {}
    for batch in iter_batches(lake.absolute(plan), ["archive", "offset", "length"]):
        for archive, places in _by_archive(batch):
            found.setdefault(archive, _Tally()).add(places)
    return {archive: tally.excerpt(plan) for archive, tally in found.items()}


class _Tally:
    """Adds up the places chosen of one archive."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._records = self._bytes = self._gaps = 0
        self._end: int | None = None

    def add(self, places: np.ndarray[Any, Any]) -> None:
        """Further places, in order."""
        self._digest.update(places.tobytes())
        starts, lengths = places[:, 0], places[:, 1]
        before = np.concatenate([[starts[0] if self._end is None else self._end], (starts + lengths)[:-1]])
        gaps = starts - before
        self._records += len(places)
        self._bytes += int(lengths.sum())
        self._gaps += int(gaps[(gaps > 0) & (gaps <= GAP_BYTES)].sum())
        self._end = int(starts[-1] + lengths[-1])

    def excerpt(self, plan: str) -> Excerpt:
        """What was added."""
        fetched = self._bytes + self._gaps
        return Excerpt(plan, self._digest.hexdigest(), self._records, self._bytes, fetched)


def excerpt_ranges(lake_root: str, archive: str, excerpt: Excerpt) -> list[tuple[int, int]]:
    """Offset and length of every record chosen of an archive, in order.

    Raises:
        UserError: The plan is not there any more.
        ShardFailed: It is not what it was.
    """
    uri = join(lake_root, excerpt.plan)
    with open_read(uri) as stream:
        rows = pq.read_table(stream, columns=["offset", "length"], filters=[("archive", "=", archive)])
    places = _places(rows)
    if hashlib.sha256(places.tobytes()).hexdigest() != excerpt.digest:
        raise ShardFailed(f"{uri} is not what it was when the run was planned.", "Give the same command again.")
    return [(int(offset), int(length)) for offset, length in places]


def _by_archive(batch: pa.RecordBatch) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """Runs of rows of the same archive: its path, and (offset, length) a row."""
    places = _places(batch)
    start = 0
    for archive, rows in groupby(str(name) for name in batch.column("archive").to_pylist()):
        end = start + sum(1 for _ in rows)
        yield archive, places[start:end]
        start = end


def _places(rows: pa.Table | pa.RecordBatch) -> np.ndarray[Any, Any]:
    columns = [rows.column(name).to_numpy(zero_copy_only=False) for name in ("offset", "length")]
    return np.ascontiguousarray(np.stack(columns, axis=1), dtype="<i8")
