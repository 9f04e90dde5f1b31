"""A Parquet column of fixed size read as it lies in the file: mapped into memory, no copy, no decoding.

An uncompressed, plainly encoded, required column has nothing in a row group but a short header and its values. Such a
group is given as an array over the mapped file; any other (another writer's, a remote file) is decoded.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from storage.errors import ShardFailed
from storage.files import open_read
from storage.uris import is_local, local_path

Bytes = npt.NDArray[np.uint8]

_DATA_PAGE, _HEADER_BYTES = 0, 256


def open_fixed(uri: str, column: str) -> tuple[list[Bytes], pa.Schema, int]:
    """A column of fixed-size values: for every row group uint8[rows, size], read-only; the schema; groups mapped.

    Raises:
        ShardFailed: No readable Parquet file, or the column's values are not of one size.
    """
    try:
        with open_read(uri) as stream:
            file = pq.ParquetFile(stream)
            schema = file.schema_arrow
            kind = schema.field(column).type
            if not pa.types.is_fixed_size_binary(kind):
                raise ShardFailed(
                    f"{uri}: column {column} is {kind}, not fixed-size binary.", "Run `winnow tokens` again."
                )
            groups = range(file.metadata.num_row_groups)
            index = schema.get_field_index(column)
            found = _mapped(uri, file.metadata, index, kind.byte_width)
            parts = [part if part is not None else _decoded(file, group, column, kind.byte_width)
                     for group, part in zip(groups, found, strict=True)]  # fmt: skip
            return parts, schema, sum(part is not None for part in found)
    except (pa.ArrowInvalid, OSError, KeyError) as error:
        raise ShardFailed(f"{uri} is not a readable file of sequences: {error}") from error


def _mapped(uri: str, metadata: pq.FileMetaData, index: int, size: int) -> Sequence[Bytes | None]:
    if not is_local(uri) or not metadata.num_row_groups:
        return [None] * metadata.num_row_groups
    with local_path(uri).open("rb") as stream:
        whole = np.frombuffer(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
    groups = (metadata.row_group(group) for group in range(metadata.num_row_groups))
    return [_values(whole, group.column(index), group.num_rows, size) for group in groups]


def _values(whole: Bytes, chunk: pq.ColumnChunkMetaData, rows: int, size: int) -> Bytes | None:
    """The values of a column chunk, where they are one page of nothing else; None where they are not."""
    length, start = rows * size, chunk.data_page_offset
    if chunk.compression != "UNCOMPRESSED" or chunk.has_dictionary_page:
        return None
    kind, uncompressed, stored = _page_header(whole[start : start + _HEADER_BYTES])
    if (kind, uncompressed, stored) != (_DATA_PAGE, length, length):
        return None
    first = start + chunk.total_compressed_size - length
    return whole[first : first + length].reshape(rows, size)


def _page_header(data: Bytes) -> tuple[int, int, int]:
    """The first three fields of a page's header: its type, its size, its size as stored.

    Source: apache/parquet-format, parquet.thrift, PageHeader; Thrift's compact protocol (field deltas, zigzag).
    """
    found, at = [], 0
    for _ in range(3):
        if data[at] != 0x15:  # the next field, an i32
            return -1, -1, -1
        value, shift, at = 0, 0, at + 1
        while True:
            byte = int(data[at])
            value, shift, at = value | (byte & 0x7F) << shift, shift + 7, at + 1
            if byte < 0x80:
                break
        found.append((value >> 1) ^ -(value & 1))
    return found[0], found[1], found[2]


def _decoded(file: pq.ParquetFile, group: int, column: str, size: int) -> Bytes:
    values: Any = file.read_row_group(group, columns=[column])[column].combine_chunks()
    parts = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
    flat = [_bytes(part)[part.offset * size :][: len(part) * size] for part in parts]
    return np.concatenate(flat).reshape(-1, size) if flat else np.zeros((0, size), np.uint8)


def _bytes(values: Any) -> Bytes:
    return np.frombuffer(values.buffers()[1], np.uint8)
