"""DuckDB as Winnow opens it: offline, quiet, told what it may read; for a whole-corpus step, or a file elsewhere.

No extension is ever downloaded: installing and loading them unasked is switched off, and remote lakes are
read through fsspec.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import duckdb
import fsspec
import pyarrow as pa
from fsspec.spec import AbstractFileSystem

from storage import ducklake, files, views
from storage.errors import Fatal, ShardFailed, UserError, WinnowError
from storage.remote import store_of as remote_store
from storage.statements import only_reads, quoted
from storage.unfinished import make_directory_of, writer_tag
from storage.uris import is_local, is_web
from storage.web_filesystem import WebFileSystem

OFFLINE: dict[str, Any] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,  # a table name must never mean a Python variable of ours
}
_QUIET = "SET enable_progress_bar = false"  # it would be drawn in the middle of the rows a command prints
BATCH_ROWS = 8192
_STORE_SETTINGS: dict[str, Any] = {"threads": 2, "memory_limit": "1GB"}
"""Of a statement over a file in a store; each thread is a connection."""


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
        settings = {"memory_limit": memory_limit, "threads": threads, "preserve_insertion_order": False}
        self._connection = connect(spill, store_of(remote), settings)

    def __enter__(self) -> Scratch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        del self._connection  # a traceback that outlives us must not keep DuckDB alive past the interpreter's end
        shutil.rmtree(self._spill, ignore_errors=True)

    def run(self, name: str, **params: Any) -> pa.RecordBatchReader:
        """The rows of `storage/sql/<name>.sql`, streamed; `$param` in it takes the argument of that name."""
        return self.query(views.sql_text(name), params)

    def query(self, statement: str, params: Mapping[str, Any] | None = None) -> pa.RecordBatchReader:
        """The rows of one SELECT, streamed. Only one stream may be open at a time."""
        with _spilling():
            relation = self._connection.sql(statement, params=dict(params) if params else None)
            return cast(pa.RecordBatchReader, relation.to_arrow_reader(BATCH_ROWS))

    def execute(self, statement: str, params: Mapping[str, Any] | None = None) -> None:
        """Run statements for their effect (CREATE TABLE, INSERT...)."""
        with _spilling():
            self._connection.execute(statement, dict(params) if params else None)

    def register(self, name: str, rows: pa.Table | pa.RecordBatchReader) -> None:
        """Make Arrow rows readable as a table of that name."""
        self._connection.register(name, rows)


class InMemory:
    """A database without files: SELECTs over Arrow tables, from any number of threads, each in the thread that asks."""

    def __enter__(self) -> InMemory:
        self._connection = connect(None, None, {"threads": 1})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        del self._connection  # as in `Scratch`

    def query(self, statement: str, rows: pa.Table) -> pa.Table:
        """The rows of one SELECT over that table, which it knows as `rows`."""
        with closing(self._connection.cursor()) as cursor:
            cursor.register("rows", rows)
            return cast(pa.Table, cursor.sql(statement).to_arrow_table())


def store_of(remote: str | None) -> AbstractFileSystem | None:
    """The file system of a protocol ("s3"); None for local files."""
    return remote_store(remote) if remote else None


def connect(
    spill: Path | None, store: AbstractFileSystem | None, settings: Mapping[str, Any]
) -> duckdb.DuckDBPyConnection:
    """A database in memory: spilling to a directory, reading a store, with DuckDB settings of its own."""
    place = {"temp_directory": str(spill)} if spill else {}
    connection = duckdb.connect(config={**OFFLINE, **place, **settings})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(_QUIET)
    if store:
        connection.register_filesystem(store)
    return connection


@contextmanager
def querying(uri: str, statement: str, params: Mapping[str, Any]) -> Iterator[pa.RecordBatchReader]:
    """The rows of one SELECT over a Parquet file outside the lake, streamed while the block lasts.

    Args:
        uri: The only file it can read; the statement has it as `$uri`.

    Raises:
        UserError: There is no such file, the statement is no SELECT, or DuckDB refuses it.
        Transient, ShardFailed: The file's store does not answer, or contradicts itself.
    """
    web = WebFileSystem() if is_web(uri) else None
    spill = Path(tempfile.gettempdir()) / f"winnow-{writer_tag()}"
    protocol = None if web or is_local(uri) else uri.partition("://")[0]
    failure: WinnowError | None = None
    with closing(connect(spill, store_of(protocol), _STORE_SETTINGS)) as connection:
        try:
            if web:
                connection.register_filesystem(web)
            check_reads_only(connection, statement)
            connection.execute("SET allowed_paths = $1", [spellings(uri)])
            connection.execute("SET enable_external_access = false")
            relation = connection.sql(statement, params={**params, "uri": uri})
            yield cast(pa.RecordBatchReader, relation.to_arrow_reader(BATCH_ROWS))
        except (duckdb.Error, pa.ArrowException) as error:
            failure = (web and web.failure) or _refused(uri, error)
        finally:
            shutil.rmtree(spill, ignore_errors=True)
    if failure:
        raise failure  # outside the handler: DuckDB's own error would keep the connection alive


def spellings(uri: str) -> list[str]:
    """A file's or directory's name as it was given, and as its store spells it."""
    if is_web(uri) or is_local(uri):
        return [uri]
    filesystem, path = fsspec.url_to_fs(uri)
    return [uri, filesystem.unstrip_protocol(path)]


def _refused(uri: str, error: Exception) -> WinnowError:
    words = first_words(error)
    if isinstance(error, duckdb.IOException | duckdb.InvalidInputException | pa.ArrowException):
        return ShardFailed(f"{uri} cannot be read: {words}")
    if is_local(uri) and not files.exists(uri):
        return UserError(f"There is no file {uri}.", "Check the path.")
    return UserError(f"{uri} cannot be asked: {' '.join(words.split())}")


def open_read_only(connection: duckdb.DuckDBPyConnection, path: str) -> None:
    """Have a catalog file's views in the connection."""
    connection.execute(f"ATTACH {quoted(path)} AS winnow (READ_ONLY)")
    connection.execute("USE winnow")


def check_reads_only(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    """Refuse what could write, before it runs: allowing DuckDB a directory allows it to write there too."""
    if not only_reads(_parsed(connection, statement)):
        raise UserError("Only reading is allowed here.", "Open winnow.duckdb with DuckDB itself for anything else.")


def _parsed(connection: duckdb.DuckDBPyConnection, statement: str) -> Any:
    refused = UserError("One SELECT at a time, please.", "Other statements: open winnow.duckdb with DuckDB itself.")
    try:
        found = connection.extract_statements(statement)
    except duckdb.Error as error:
        raise UserError(first_words(error)) from error
    if len(found) != 1 or found[0].type != duckdb.StatementType.SELECT:
        raise refused
    [[serialized]] = connection.execute("SELECT json_serialize_sql($1)", [found[0].query]).fetchall()
    tree = json.loads(serialized)
    if tree["error"]:
        raise refused
    return tree


def hint_for(error: duckdb.Error) -> str:
    """What to do about a statement DuckDB refuses."""
    if isinstance(error, duckdb.CatalogException | duckdb.BinderException):
        return "`SHOW TABLES` lists the views, `DESCRIBE name` the columns of one."
    if isinstance(error, duckdb.PermissionException):
        return "--allow-files lets a statement read files outside the lake."
    return ""


def first_words(error: Exception) -> str:
    """DuckDB's message without the statement it repeats."""
    return str(error).partition("\n\nLINE ")[0].strip()


@contextmanager
def building(target: str) -> Iterator[None]:
    """While a catalog file is made: a full disk is told as such."""
    with files.write_errors(target):
        make_directory_of(target)
        try:
            yield
        except duckdb.IOException as error:
            raise Fatal(
                f"Cannot write {target}: {first_words(error)}", "Free some space, or repair the lake."
            ) from error


@contextmanager
def _spilling() -> Iterator[None]:
    try:
        yield
    except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
        hint = "Free disk space, or allow more memory."
        raise Fatal(f"A whole-corpus step failed: {first_words(error)}", hint) from error


def load_extension(connection: duckdb.DuckDBPyConnection, extension: str) -> None:
    """Load an extension: a package's, the one that is installed, else what DuckDB's installer fetches."""
    [[version]] = connection.execute("SELECT library_version FROM pragma_version()").fetchall()
    [[platform]] = connection.execute("SELECT platform FROM pragma_platform()").fetchall()
    found = ducklake.packaged(extension, version, platform)
    try:
        if found:
            return connection.load_extension(found)
        with suppress(duckdb.Error):
            return connection.load_extension(extension)
        connection.install_extension(extension)
        connection.load_extension(extension)
    except duckdb.Error as error:
        raise UserError(
            f"DuckDB {version} has no extension {extension} here and could not fetch it.",
            f"Install it with DuckDB's own `INSTALL {extension}` where there is a network, or as a package made for "
            "this DuckDB. The lake needs no extension: `winnow sql` and winnow.duckdb read it as it is.",
        ) from error
