"""The only door to DuckDB: read-only views over the lake, and a scratch database for whole-corpus steps.

No extension is ever downloaded: installing and loading them unasked is switched off, and remote lakes are
read through fsspec.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import duckdb
import fsspec
import pyarrow as pa

from storage import files
from storage.errors import Fatal
from storage.lake import Lake

_SQL = Path(__file__).parent / "sql"
_OFFLINE: dict[str, Any] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,  # a table name must never mean a Python variable of ours
}
_BATCH_ROWS = 8192


def sql_text(name: str) -> str:
    """The statement in `storage/sql/<name>.sql`."""
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")


class Scratch:
    """An in-memory database that spills to a directory of its own, for one whole-corpus step.

    Row order is kept only where a statement asks for one: end what must be deterministic with ORDER BY.

    Args:
        spill: Directory for what does not fit in memory; removed at the end.
        memory_limit: As DuckDB reads it, for example "4GB".
        threads: Threads of a statement.
        remote: Protocol of a lake in an object store; None for a local one.
    """

    def __init__(self, spill: Path, memory_limit: str, threads: int, remote: str | None = None) -> None:
        self._spill = spill
        settings = _OFFLINE | {
            "temp_directory": str(spill),
            "memory_limit": memory_limit,
            "threads": threads,
            "preserve_insertion_order": False,
        }
        self._connection = duckdb.connect(config=settings)
        self._connection.execute("SET TimeZone = 'UTC'")
        if remote:
            self._connection.register_filesystem(fsspec.filesystem(remote))

    def __enter__(self) -> Scratch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        shutil.rmtree(self._spill, ignore_errors=True)

    def run(self, name: str, **params: Any) -> pa.RecordBatchReader:
        """The rows of `storage/sql/<name>.sql`, streamed; `$param` in it takes the argument of that name."""
        return self.query(sql_text(name), params)

    def query(self, statement: str, params: Mapping[str, Any] | None = None) -> pa.RecordBatchReader:
        """The rows of one SELECT, streamed. Only one stream may be open at a time."""
        with _spilling():
            relation = self._connection.sql(statement, params=dict(params) if params else None)
            return cast(pa.RecordBatchReader, relation.to_arrow_reader(_BATCH_ROWS))

    def execute(self, statement: str, params: Mapping[str, Any] | None = None) -> None:
        """Run statements for their effect (CREATE TABLE, INSERT...)."""
        with _spilling():
            self._connection.execute(statement, dict(params) if params else None)

    def register(self, name: str, rows: pa.Table | pa.RecordBatchReader) -> None:
        """Make Arrow rows readable as a table of that name."""
        self._connection.register(name, rows)


class Catalog:
    """The lake's views."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake

    def scratch(self, memory_limit: str = "2GB", threads: int = 1) -> Scratch:
        """A database for one whole-corpus step; use it in a `with` block, so that its spill files go."""
        remote = None if files.is_local(self.lake.root) else self.lake.root.partition("://")[0]
        return Scratch(self._spill_directory(), memory_limit, threads, remote)

    def _spill_directory(self) -> Path:
        if not files.is_local(self.lake.root):
            return Path(tempfile.mkdtemp(prefix="winnow-spill-"))
        # beside the data: /tmp is often memory, and a spill can be as large as the corpus
        spill = files.local_path(self.lake.absolute(f"spill-{files.writer_tag()}{files.TEMPORARY}"))
        with files.write_errors(str(spill)):
            spill.mkdir(parents=True)
        return spill


@contextmanager
def _spilling() -> Iterator[None]:
    try:
        yield
    except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
        message = str(error).splitlines()[0]
        raise Fatal(
            f"A whole-corpus step failed: {message}", "Free disk space, or allow more memory."
        ) from error
