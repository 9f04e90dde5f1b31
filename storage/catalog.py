"""The lake's views, and the only door to them: SQL that reads the lake and nothing else."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import duckdb
import pyarrow as pa

from storage import ducklake, files, views
from storage.database import (
    OFFLINE,
    Scratch,
    building,
    check_reads_only,
    connect,
    first_words,
    hint_for,
    load_extension,
    open_read_only,
    spellings,
    store_of,
)
from storage.errors import Fatal, UserError
from storage.known_files import KnownFiles
from storage.lake import Lake, fingerprint
from storage.manifest import committed
from storage.selection import Row, Selection, select
from storage.statements import quoted
from storage.unfinished import temporary_for, writer_tag
from storage.uris import is_local, local_path

CATALOG_FILE = "winnow.duckdb"
_MOST_SPELT = 1000
"""Archives of a lake up to which its views are read from their file."""
_LISTED = ("archives", "steps", "trainings", "evaluations")
"""Tables of small files, each written once, that the views are made from."""


class Catalog:
    """The lake's views (`storage.views.VIEWS`), over the files that are in force.

    `winnow.duckdb` in the lake holds them for any DuckDB client. It holds no pages, is built under another
    name and swapped in by rename, and is rebuilt when what it was made from changed or the lake was moved.
    """

    def __init__(self, lake: Lake) -> None:
        self.lake = Lake(str(local_path(lake.root).absolute())) if is_local(lake.root) else lake
        self._store: KnownFiles | None = None
        self._session: duckdb.DuckDBPyConnection | None = None

    def rebuild(self) -> None:
        """Write `winnow.duckdb` anew. Readers of the old one go on undisturbed.

        Raises:
            UserError, Fatal: The lake cannot be written to.
        """
        target = self.lake.absolute(CATALOG_FILE)
        temporary = temporary_for(target)
        try:
            with building(target), closing(duckdb.connect(str(temporary), config=OFFLINE)) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                if store := store_of(self._protocol):
                    connection.register_filesystem(store)
                state = self._state()  # before looking: what is added meanwhile must count as change
                connection.execute("BEGIN")  # one transaction is one fsync, and not one a view
                self._define(connection)
                connection.execute(f"CREATE TABLE state.made_from AS SELECT {quoted(state)} AS state")
                connection.execute("COMMIT")
            files.publish(temporary, target)
        finally:
            for made in (temporary, temporary.with_name(f"{temporary.name}.wal")):
                with suppress(OSError):  # where nothing can be written nothing can be removed: the first error counts
                    made.unlink()

    def query(
        self, statement: str, params: Sequence[Any] | Mapping[str, Any] = (), allow_files: bool = False
    ) -> pa.Table:
        """The rows of one SELECT over the views; it can read the lake and nothing else, and write nothing.

        Args:
            statement: The SELECT.
            params: Values of its parameters.
            allow_files: Let it read any file that this process can read; it still writes nothing.

        Raises:
            UserError: There is no lake, the statement is no SELECT, or DuckDB refuses it.
        """
        self.lake.check_exists()
        with self._reader(statement, allow_files) as connection:
            check_reads_only(connection, statement)
            try:
                relation = connection.sql(statement, params=params or None)
                return cast(pa.Table, relation.to_arrow_table())
            except duckdb.Error as error:
                raise UserError(first_words(error), hint_for(error)) from error

    @contextmanager
    def session(self) -> Iterator[None]:
        """All queries in the block see the lake as it is now, over one connection: to open one takes longer than most
        questions. Where the views are made for each statement, each still opens its own.

        Raises:
            UserError: There is no lake.
        """
        self.lake.check_exists()
        with self._connection() as connection:
            if self._attach_file(connection):
                self._confine(connection, allow_files=False)
                self._session = connection
            try:
                yield
            finally:
                self._session = None

    def export_ducklake(self, target: str) -> dict[str, int]:
        """Register the files in force in a DuckLake catalogue, without copying; of each table those it did not have.

        Args:
            target: `meta.ducklake` (a DuckDB file), `sqlite:meta.sqlite` or `postgres:dbname=...`.

        Raises:
            UserError: An extension is not to be had, DuckLake refuses, or the catalogue lists files that are no longer
                in force.
        """
        self.lake.check_exists()
        selection = self.selection()
        with closing(connect(None, store_of(self._protocol), {})) as connection:
            for extension in ducklake.extensions_for(target):
                load_extension(connection, extension)
            try:
                connection.execute(ducklake.attach(target, self.lake))
                connection.execute("BEGIN")
                files_of = ducklake.files_in_force(self.lake, selection)
                added = {table: _register(connection, table, listed) for table, listed in files_of.items()}
                connection.execute("COMMIT")
            except duckdb.Error as error:
                raise UserError(f"{target} cannot take the lake's files: {first_words(error)}") from error
        return added

    def selection(self) -> Selection:
        """What is in force in the lake now."""
        with closing(connect(None, store_of(self._protocol), {})) as connection:
            return self._select(connection)

    def scratch(self, memory_limit: str = "2GB", threads: int = 1) -> Scratch:
        """A database for one whole-corpus step; use it in a `with` block, so that its spill files go."""
        return Scratch(self._spill_directory(), memory_limit, threads, self._protocol)

    @contextmanager
    def _reader(self, statement: str, allow_files: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        if self._session and not allow_files:
            yield self._session
            return
        with self._connection() as connection:
            if not self._attach_file(connection):
                self._define(connection, _Variables(connection, self._store).list_of, views.needed(statement))
            self._confine(connection, allow_files)
            yield connection

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        spill = Path(tempfile.gettempdir()) / f"winnow-{writer_tag()}"
        store = store_of(self._protocol)
        self._store = KnownFiles(store) if store else None
        with closing(connect(spill, self._store, {})) as connection:
            try:
                yield connection
            finally:
                shutil.rmtree(spill, ignore_errors=True)

    def _confine(self, connection: duckdb.DuckDBPyConnection, allow_files: bool) -> None:
        if not allow_files:
            connection.execute("SET allowed_directories = $1", [self._readable()])
            connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")

    def _attach_file(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Open the lake's catalog file in the connection; False where the caller has to define the views itself.

        It has to for a lake in an object store, for an empty one, and for one of many archives: there the views name
        files by variables, while a catalog file would spell out each file in every view and be slower to read.
        """
        many = self._protocol is None and files.holds_more_than(self.lake.absolute("archives"), _MOST_SPELT)
        if self._protocol is not None or many or not self._anything():
            return False
        path = self.lake.absolute(CATALOG_FILE)
        with suppress(Fatal):  # a lake that cannot be written to can still be read
            if not self._open_current(connection, path):
                self.rebuild()
                open_read_only(connection, path)
            return True
        return False

    def _open_current(self, connection: duckdb.DuckDBPyConnection, path: str) -> bool:
        """Open the catalog file if it is there, is one, and was made from what is in the lake now."""
        if not files.exists(path):
            return False
        try:
            open_read_only(connection, path)
            if connection.execute("FROM state.made_from").fetchall() == [(self._state(),)]:
                return True
        except duckdb.Error:  # not a database, or one of another version
            pass
        connection.execute("USE memory")
        connection.execute("DETACH DATABASE IF EXISTS winnow")
        return False

    def _define(
        self,
        connection: duckdb.DuckDBPyConnection,
        list_of: Callable[[Sequence[str]], str] = views.literal_list,
        wanted: Sequence[str] = views.VIEWS,
    ) -> None:
        """Make those views in the connection; `list_of` says how a list of files is written into them."""
        selection = self._select(connection)
        connection.execute("CREATE SCHEMA state")
        for name, rows in views.in_force(selection).items():
            connection.register("given_rows", rows)
            connection.execute(f"CREATE TABLE state.{name} AS FROM given_rows")
            connection.unregister("given_rows")
        for statement in views.statements(self.lake, selection, list_of, wanted):
            connection.execute(statement)
        for name, header in views.headers().items():
            if name in wanted:
                connection.execute(f"COMMENT ON VIEW {name} IS {quoted(header)}")

    def _select(self, connection: duckdb.DuckDBPyConnection) -> Selection:
        return select(committed(self.lake), *(self._rows(connection, table) for table in ("steps", "runs")))

    def _rows(self, connection: duckdb.DuckDBPyConnection, table: str) -> list[Row]:
        uris = self.lake.files_of(table)
        if not uris:
            return []
        query = "FROM read_parquet($1, union_by_name = true, hive_partitioning = false, filename = true)"
        rows: list[Row] = connection.sql(query, params=[uris]).to_arrow_table().to_pylist()
        return rows

    def _state(self) -> str:
        """Changes with everything the views are made from, and with the place of the lake."""
        rows = {table: self.lake.files_of(table) for table in _LISTED}
        runs = [(uri, files.stamp(uri)) for uri in self.lake.files_of("runs")]  # these are written again at their end
        return fingerprint(self.lake.root, rows, runs, [views.sql_text(name) for name in views.VIEWS])

    def _anything(self) -> bool:
        return any(self.lake.files_of(table) for table in ("runs", *_LISTED))

    def _readable(self) -> list[str]:
        """The lake's root, as it was given and as its store spells the paths below it."""
        return spellings(self.lake.root)

    @property
    def _protocol(self) -> str | None:
        return None if is_local(self.lake.root) else self.lake.root.partition("://")[0]

    def _spill_directory(self) -> Path:
        if not is_local(self.lake.root):
            return Path(tempfile.mkdtemp(prefix="winnow-spill-"))
        # beside the data: /tmp is often memory, and a spill can be as large as the corpus
        spill = temporary_for(self.lake.absolute("spill"))
        with files.write_errors(str(spill)):
            spill.mkdir(parents=True)
        return spill


def _register(connection: duckdb.DuckDBPyConnection, table: str, listed: Sequence[str]) -> int:
    """Register those of a table's files that the catalogue lacks; how many they were."""
    tables = connection.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = $1", [ducklake.NAME])
    known: set[str] = set()
    if (table,) in tables.fetchall():
        query = "SELECT data_file FROM ducklake_list_files($1, $2)"
        known = {path for (path,) in connection.execute(query, [ducklake.NAME, table]).fetchall()}
    if gone := sorted(known - set(listed)):
        raise UserError(
            f"the catalogue lists {gone[0]}, which is no longer in force in the lake.",
            "Export to a new catalogue: what is in force is not taken out of one that others may be reading.",
        )
    new = [path for path in listed if path not in known]
    if new:
        rows = f"read_parquet({views.literal_list(new[:1])}, hive_partitioning = false)"
        for statement in ducklake.registration(table, new, rows):
            connection.execute(statement)
    return len(new)


class _Variables:
    """Lists of files as variables of a connection; those in an object store are noted as known to exist."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, store: KnownFiles | None) -> None:
        self._connection, self._store, self._count = connection, store, 0

    def list_of(self, uris: Sequence[str]) -> str:
        """An SQL expression for the list."""
        if self._store:
            self._store.known.update(uris)
        self._count += 1
        name = f"winnow_files_{self._count}"
        self._connection.execute(f"SET VARIABLE {name} = $1", [list(uris)])
        return f"getvariable('{name}')"
