"""All committed archive rows of a lake in one file, so that a lake of 90,000 archives need not be opened 90,000 times.

The rows themselves stay the truth: a row's path carries its fingerprint and is never written again, so what the
manifest says of a row cannot be wrong. It can only be behind. (`winnow forget` alone changes rows in place: it takes
the manifest away first.) What is committed and not in it is read from the rows; what is in it and gone is left out.
Without it everything is read from the rows: delete it and nothing is lost.

On a local disk the names of the rows are listed each time, which is cheap. An object store lists a thousand names a
request: there the manifest also says which runs were finished when it was made, and while the lake's runs are exactly
those, nothing can have been added.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.compute as pc

from storage import files, schema
from storage.columns import STRING, field
from storage.errors import ShardFailed
from storage.lake import Lake
from storage.shards import read_table, write_table
from storage.uris import is_local

PATH = "manifest/archives.parquet"
SCHEMA = pa.schema([*schema.ARCHIVES, field("path", STRING, "file of the row, relative to the lake")])

RUNS = "finished_runs"
FILE = pa.schema(
    [
        *SCHEMA,
        field(RUNS, STRING, "the lake's runs and marks of their rows, JSON", null="one is going on"),
    ]
)
"""As it is written: every row says the same of the runs."""
_READERS = 16
"""Rows read at a time: each is a request where the lake is in a store."""


def committed(lake: Lake) -> pa.Table:
    """Every committed archive row, as `SCHEMA` has it, in the order of its path.

    Raises:
        ShardFailed: A row cannot be read.
    """
    known = _read(lake)
    if not is_local(lake.root) and _is_complete(known, lake):
        return known.drop_columns([RUNS])
    known = known.drop_columns([RUNS])
    names = {"/".join(uri.split("/")[-3:]) for uri in lake.files_of("archives")}  # archives/crawl=.../name
    paths = known["path"].to_pylist()
    missing = sorted(names - set(paths))
    if not names.issuperset(paths):
        known = known.filter(pc.is_in(known["path"], value_set=pa.array(sorted(names), pa.string())))
    if not missing:
        return known
    with ThreadPoolExecutor(_READERS if not is_local(lake.root) else 1) as pool:
        found = list(pool.map(lambda path: _row(lake, path), missing))
    return pa.concat_tables([known, *found]).sort_by("path")


def refresh(lake: Lake) -> int:
    """Write the manifest anew where the lake has moved on; the rows it has.

    Raises:
        UserError, Fatal: The lake cannot be written to.
    """
    claim = finished_runs(lake)  # before looking: what is added meanwhile must count as change
    rows = committed(lake)
    told = pa.array([claim] * len(rows), pa.string())
    new = rows.append_column(FILE.field(RUNS), told)
    if not new.equals(_read(lake)):
        write_table(lake.root, PATH, "manifest", new.cast(FILE))
    return len(rows)


def rebuild(lake: Lake) -> int:
    """Write the manifest from the rows alone, whatever it said; the rows it has."""
    remove(lake)
    return refresh(lake)


def remove(lake: Lake) -> None:
    """Take the manifest away, before rows change in place: `winnow forget` alone does that."""
    files.remove(lake.absolute(PATH))


def _read(lake: Lake) -> pa.Table:
    """The manifest; empty where there is none, or none that can be read."""
    uri = lake.absolute(PATH)
    if not files.exists(uri):
        return FILE.empty_table()
    try:
        rows = read_table(uri)
    except ShardFailed:  # damaged: the rows are all there
        return FILE.empty_table()
    return rows.cast(FILE) if rows.schema.equals(FILE) else FILE.empty_table()


def _row(lake: Lake, path: str) -> pa.Table:
    """One committed row; columns that it was written without are null."""
    [row] = read_table(lake.absolute(path)).to_pylist()
    return pa.Table.from_pylist([{**row, "path": path}], SCHEMA)


def _is_complete(rows: pa.Table, lake: Lake) -> bool:
    claim = finished_runs(lake)
    return claim is not None and len(rows) > 0 and rows[RUNS][0].as_py() == claim


def finished_runs(lake: Lake) -> str | None:
    """The runs of a lake in a store, with marks of their rows, JSON; None while one of them may still add archives."""
    if is_local(lake.root):
        return None
    stamps = files.list_stamps(lake.absolute("runs"), ".parquet")
    states = {state for uri in stamps for state in read_table(uri, ["state"])["state"].to_pylist()}
    marks = {uri.rpartition("/")[2]: stamp for uri, stamp in stamps.items()}
    return json.dumps(marks, sort_keys=True) if states == {"finished"} else None
