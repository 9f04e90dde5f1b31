"""The columnar index of a snapshot: which records are wanted, and where in which archives they lie.

Each file of the index is asked once, and what it has of what is wanted is kept in the lake; from all of these the
choice is made, and kept as a plan: one row a record, in archive order. Archives are then read by the plan's ranges.

Source: https://commoncrawl.org/columnar-index (columns of cc-index/table/cc-main/warc)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from storage.catalog import Catalog
from storage.columns import INT, STRING, field, table
from storage.database import querying
from storage.files import exists, stamp
from storage.index_config import IndexConfig
from storage.lake import Lake, fingerprint
from storage.shards import Output, ShardWriter
from storage.snapshots import Store
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
