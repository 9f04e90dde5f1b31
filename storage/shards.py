"""Parquet files of the lake: the same rows give the same bytes, however they were batched while writing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import IO, Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from storage.errors import ShardFailed
from storage.files import AtomicFile, join, open_read

ROWS_PER_GROUP = 8192


@dataclass(frozen=True, slots=True)
class Output:
    """A finished file of the lake; `path` is relative to the lake's root, `columns` a digest of its schema."""

    table: str
    path: str
    rows: int
    bytes: int
    sha256: str
    columns: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As stored in `archives.outputs`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Output:
        """The inverse of `to_dict`."""
        return cls(**values)


class ShardWriter:
    """Write one Parquet file in as many pieces as memory asks for.

    Rows are regrouped to `rows_per_group`, so that the bytes depend on the rows alone. The file appears at
    `finish()`; leaving the `with` block without it leaves nothing.

    Args:
        lake_root: The lake's directory or URL.
        path: The file, relative to it.
        table_name: Which table of the lake it is part of.
        schema: Columns, with their field metadata; what is written is cast to it.
        rows_per_group: Rows of a row group.
    """

    def __init__(
        self,
        lake_root: str,
        path: str,
        table_name: str,
        schema: pa.Schema,
        rows_per_group: int = ROWS_PER_GROUP,
    ) -> None:
        self.schema = schema.remove_metadata()  # the table's own (pandas') notes; the fields keep theirs
        self._name, self._path, self._rows_per_group = table_name, path, rows_per_group
        self._rows = 0
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._file = AtomicFile(join(lake_root, path))
        self._parquet = _parquet_writer(self._file, self.schema)
        self._finished = False

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._finished:
            with suppress(Exception):  # its footer goes nowhere: the file is about to be removed
                self._parquet.close()
            self._parquet.is_open = False  # else its destructor writes once more
        self._file.abort()

    def write(self, table: pa.Table | pa.RecordBatch) -> None:
        """Append rows; columns in any order.

        Raises:
            ValueError: A column is missing, superfluous, of another type, or null where there is never one.
        """
        self._waiting.append(_conform(table, self.schema, self._path))
        self._waiting_rows += table.num_rows
        if self._waiting_rows >= self._rows_per_group:
            self._write_groups(self._waiting_rows - self._waiting_rows % self._rows_per_group)

    def finish(self) -> Output:
        """Complete the file and say what it is."""
        if self._waiting_rows:
            self._write_groups(self._waiting_rows)
        self._parquet.close()
        digest = self._file.commit()
        self._finished = True
        return Output(self._name, self._path, self._rows, digest.bytes, digest.sha256, columns_digest(self.schema))

    def _write_groups(self, rows: int) -> None:
        whole = pa.concat_tables(self._waiting)
        for start in range(0, rows, self._rows_per_group):
            group = whole.slice(start, min(self._rows_per_group, rows - start)).combine_chunks()
            self._parquet.write_table(group, row_group_size=self._rows_per_group)
        rest = whole.slice(rows)
        self._rows += rows
        self._waiting, self._waiting_rows = [rest] if rest.num_rows else [], rest.num_rows


def columns_digest(schema: pa.Schema) -> str:
    """16 hexadecimal digits that name a file's columns: their names, types and order."""
    told = "\n".join(f"{column.name} {column.type}" for column in schema)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def write_table(lake_root: str, path: str, table_name: str, table: pa.Table) -> Output:
    """Write a whole table as one file; its schema, with field metadata, is the table's own."""
    with ShardWriter(lake_root, path, table_name, table.schema) as writer:
        writer.write(table)
        return writer.finish()


def read_table(uri: str, columns: Sequence[str] | None = None) -> pa.Table:
    """A whole Parquet file.

    Raises:
        UserError: There is no such file.
        ShardFailed: It is no readable Parquet file.
    """
    with open_read(uri) as stream:
        try:
            return _open(stream).read(columns=list(columns) if columns is not None else None)
        except (pa.ArrowInvalid, OSError) as error:
            raise ShardFailed(f"{uri} is not a readable Parquet file: {error}") from error


def iter_batches(
    uri: str, columns: Sequence[str] | None = None, rows: int = ROWS_PER_GROUP
) -> Iterator[pa.RecordBatch]:
    """A Parquet file in pieces of at most `rows` rows, in order; raises as `read_table`."""
    with open_read(uri) as stream:
        try:
            yield from _open(stream).iter_batches(rows, columns=list(columns) if columns is not None else None)
        except (pa.ArrowInvalid, OSError) as error:
            raise ShardFailed(f"{uri} is not a readable Parquet file: {error}") from error


def count_rows(uri: str) -> int:
    """Rows of a Parquet file, from its footer; raises as `read_table`."""
    with open_read(uri) as stream:
        try:
            return _open(stream).metadata.num_rows
        except (pa.ArrowInvalid, OSError) as error:
            raise ShardFailed(f"{uri} is not a readable Parquet file: {error}") from error


def _open(stream: BinaryIO) -> pq.ParquetFile:
    return pq.ParquetFile(stream)


def _parquet_writer(file: AtomicFile, schema: pa.Schema) -> pq.ParquetWriter:
    """Every choice that shapes the bytes is made here, none left to a library's default."""
    return pq.ParquetWriter(
        cast(IO[bytes], file),
        schema,
        version="2.6",
        compression="zstd",
        compression_level=3,
        use_dictionary=True,
        write_statistics=True,
        data_page_version="1.0",
        data_page_size=1 << 20,
        write_batch_size=1024,
    )


def _conform(table: pa.Table | pa.RecordBatch, schema: pa.Schema, path: str) -> pa.Table:
    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    if set(table.column_names) != set(schema.names):
        missing, extra = (
            set(schema.names) - set(table.column_names),
            set(table.column_names) - set(schema.names),
        )
        raise ValueError(f"{path}: missing columns {sorted(missing)}, columns not in the schema {sorted(extra)}")
    try:
        return table.select(schema.names).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ValueError(f"{path}: {error}") from error
