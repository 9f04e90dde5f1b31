"""Parquet files of the lake: the same rows give the same bytes, however they were batched while writing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import IO, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from storage.errors import ShardFailed
from storage.files import AtomicFile, open_read, sha256_of, size_of
from storage.uris import join

ROWS_PER_GROUP = 8192

_PIECES = 32
"""Tables that wait at most before they are made one: each column of each costs a kilobyte, however few its rows."""

_TEXTS_AT_ONCE = 64
"""A page of a column ends only between so many rows: 1,024 documents are ten times what a page is to hold, and are in
memory five times over while they are written.
"""

_ONE_PAGE_BYTES = 1 << 30
"""More than any row group of a file with mapped columns."""

TEXT_PER_GROUP = 16 << 20
"""Bytes of text after which a row group ends early: books are half a megabyte each, writers hold a group twice and
readers once, and a column of strings counts in 32 bits.
"""


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

    Rows are regrouped to `rows_per_group`, or fewer where their text reaches `text_per_group`, so that the bytes
    depend on the rows alone. The file appears at `finish()`; leaving the `with` block without it leaves nothing.

    Args:
        lake_root: The lake's directory or URL.
        path: The file, relative to it.
        table_name: Which table of the lake it is part of.
        schema: Columns, with their field metadata; what is written is cast to it.
        rows_per_group: Rows of a row group.
        mapped: Columns of one fixed size that `storage.mapped` is to read: as they lie in memory, a page a row group.
        text_per_group: Bytes of text and binary columns after which one ends early.
    """

    def __init__(
        self,
        lake_root: str,
        path: str,
        table_name: str,
        schema: pa.Schema,
        rows_per_group: int = ROWS_PER_GROUP,
        mapped: Sequence[str] = (),
        text_per_group: int = TEXT_PER_GROUP,
    ) -> None:
        self.schema = schema.remove_metadata()  # the table's own (pandas') notes; the fields keep theirs
        self._name, self._path, self._rows_per_group = table_name, path, rows_per_group
        self._text_per_group = text_per_group
        self._rows = 0
        self._waiting: list[pa.Table] = []
        self._waiting_rows, self._waiting_text = 0, 0
        self._file = AtomicFile(join(lake_root, path))
        self._parquet = _parquet_writer(self._file, self.schema, mapped)
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
        self._waiting_text += int(_text_sizes(self._waiting[-1]).sum())
        if len(self._waiting) >= _PIECES:
            self._waiting = [pa.concat_tables(self._waiting).combine_chunks()]
        if self._waiting_rows >= self._rows_per_group or self._waiting_text >= self._text_per_group:
            self._write_groups(last=False)

    def finish(self) -> Output:
        """Complete the file and say what it is."""
        if self._waiting_rows:
            self._write_groups(last=True)
        self._parquet.close()
        digest = self._file.commit()
        self._finished = True
        return Output(self._name, self._path, self._rows, digest.bytes, digest.sha256, columns_digest(self.schema))

    def _write_groups(self, last: bool) -> None:
        """Write what fills groups; with `last`, the rest too."""
        whole = pa.concat_tables(self._waiting)
        ends = np.cumsum(_text_sizes(whole))
        start = 0
        while start < len(whole):
            before = ends[start - 1] if start else 0
            by_text = int(np.searchsorted(ends, before + self._text_per_group)) + 1
            end = min(start + self._rows_per_group, by_text)
            if end > len(whole) and not last:
                break
            group = whole.slice(start, min(end, len(whole)) - start).combine_chunks()
            self._parquet.write_table(group, row_group_size=self._rows_per_group)
            self._rows += len(group)
            start += len(group)
        rest = whole.slice(start)  # empty slices are not kept: they would hold all that was copied into groups
        self._waiting, self._waiting_rows = [rest] if len(rest) else [], len(rest)
        self._waiting_text = int(ends[-1] - (ends[start - 1] if start else 0)) if len(rest) else 0


def columns_digest(schema: pa.Schema) -> str:
    """16 hexadecimal digits that name a file's columns: their names, types and order."""
    told = "\n".join(f"{column.name} {column.type}" for column in schema)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def write_table(lake_root: str, path: str, table_name: str, table: pa.Table) -> Output:
    """Write a whole table as one file; its schema, with field metadata, is the table's own."""
    with ShardWriter(lake_root, path, table_name, table.schema) as writer:
        writer.write(table)
        return writer.finish()


@contextmanager
def parquet_errors(uri: str) -> Iterator[None]:
    """Turn what Arrow says of a file while reading it into an error of that file.

    Raises:
        ShardFailed: It is no readable Parquet file.
    """
    try:
        yield
    except (pa.ArrowInvalid, OSError) as error:
        raise ShardFailed(f"{uri} is not a readable Parquet file: {error}") from error


def read_table(uri: str, columns: Sequence[str] | None = None) -> pa.Table:
    """A whole Parquet file.

    Raises:
        UserError: There is no such file.
        ShardFailed: It is no readable Parquet file.
    """
    with open_read(uri) as stream, parquet_errors(uri):
        return pq.ParquetFile(stream).read(columns=list(columns) if columns is not None else None)


def iter_batches(
    uri: str, columns: Sequence[str] | None = None, rows: int = ROWS_PER_GROUP
) -> Iterator[pa.RecordBatch]:
    """A Parquet file in pieces of at most `rows` rows, in order; raises as `read_table`."""
    with open_read(uri) as stream, parquet_errors(uri):
        yield from pq.ParquetFile(stream).iter_batches(rows, columns=list(columns) if columns is not None else None)


def count_rows(uri: str) -> int:
    """Rows of a Parquet file, from its footer; raises as `read_table`."""
    with open_read(uri) as stream, parquet_errors(uri):
        return pq.ParquetFile(stream).metadata.num_rows


def column_names(uri: str) -> list[str]:
    """Columns of a Parquet file, from its footer; raises as `read_table`."""
    with open_read(uri) as stream, parquet_errors(uri):
        return list(pq.ParquetFile(stream).schema_arrow.names)


def output_of(lake_root: str, table_name: str, path: str) -> Output:
    """The `Output` of a finished file of the lake, measured from the file; without the digest of its columns."""
    uri = join(lake_root, path)
    return Output(table_name, path, count_rows(uri), size_of(uri), sha256_of(uri))


def _text_sizes(table: pa.Table) -> np.ndarray:
    """Bytes of every row in columns of text and binary, int64[rows]."""
    sizes = np.zeros(len(table), np.int64)
    for column in table.columns:
        if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
            sizes += pc.fill_null(pc.binary_length(column), 0).to_numpy()
    return sizes


def _parquet_writer(file: AtomicFile, schema: pa.Schema, mapped: Sequence[str]) -> pq.ParquetWriter:
    """Every choice that shapes the bytes is made here, none left to a library's default."""
    plain = [path for path in _leaves(schema) if path not in mapped] if mapped else True
    return pq.ParquetWriter(
        cast(IO[bytes], file),
        schema,
        version="2.6",
        compression={path: "none" if path in mapped else "zstd" for path in _leaves(schema)} if mapped else "zstd",
        compression_level=dict.fromkeys(plain, 3) if isinstance(plain, list) else 3,
        use_dictionary=plain,  # type: ignore[arg-type]  # a list of columns, or all of them
        write_statistics=plain,
        data_page_version="1.0",
        data_page_size=_ONE_PAGE_BYTES if mapped else 1 << 20,
        write_batch_size=_TEXTS_AT_ONCE if "text" in schema.names else 1024,
    )


def _leaves(schema: pa.Schema) -> list[str]:
    """Columns as Parquet names them."""
    return [f"{column.name}.list.element" if pa.types.is_list(column.type) else column.name for column in schema]


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
