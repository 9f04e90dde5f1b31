"""Parquet text sources: one document a row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.archive.records import Item, Problem, Unreadable
from pipeline.archive.rows import DATE_FIELDS, ID_FIELDS, row_record

MAGIC = b"PAR1"
_BATCH_ROWS = 512
_BATCH_BYTES = 64 << 20
"""What a batch may come to where every row is the longest value that a chunk can hold: dictionaries repeat one."""

_MOST_EXPANSION, _MOST_ROWS_A_BYTE = 1000, 16
"""Bytes of text, and rows, that a row group may have for each byte of the file, where they are many: real text packs to
a tenth, a bomb to a millionth; rows without text still take room."""
_MANY_BYTES, _MANY_ROWS = 256 << 20, 1 << 16


class ParquetRows:
    """The rows of a Parquet file; offsets and lengths count rows.

    Args:
        stream: Seekable binary stream.
        text_field: Column of the text.
        max_text: A longer text (in bytes) is not kept; its record carries the problem `too_large`.

    Raises:
        ValueError: The file's footer cannot be read.
    """

    def __init__(self, stream: BinaryIO, text_field: str, max_text: int) -> None:
        try:
            self._file = pq.ParquetFile(stream, page_checksum_verification=True)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(_first_line(error)) from None
        self._text_field, self._max_text = text_field, max_text
        self.size: int = self._file.metadata.num_rows

    def __iter__(self) -> Iterator[Item]:
        names = self._file.schema_arrow.names
        if self._text_field not in names:
            cause = f"no column {self._text_field!r}; there are {', '.join(map(repr, names[:20]))}"
            if self.size:
                yield Unreadable(0, self.size, cause)
            return
        wanted = dict.fromkeys((self._text_field, *ID_FIELDS, *DATE_FIELDS))
        columns = [name for name in wanted if name in names]
        start = 0
        for group in range(self._file.num_row_groups):
            rows = self._file.metadata.row_group(group).num_rows
            yield from self._group(group, columns, start, start + rows)
            start += rows

    def _group(self, group: int, columns: list[str], start: int, end: int) -> Iterator[Item]:
        """The rows of one row group; from where it cannot be decoded, or grows beyond bounds, an unreadable span."""
        position, given = start, 0
        packed, unpacked = self._sizes(group, columns)
        most = max(_MANY_BYTES, _MOST_EXPANSION * packed)
        if unpacked > most or end - start > max(_MANY_ROWS, _MOST_ROWS_A_BYTE * packed):
            cause = f"declares {end - start:,} rows and {unpacked:,} bytes in {packed:,} bytes of the file"
            yield Unreadable(start, end - start, f"row group {group} {cause}")
            return
        rows = max(1, min(_BATCH_ROWS, _BATCH_BYTES // max(unpacked, 1)))
        try:
            for batch in self._file.iter_batches(rows, [group], columns, use_threads=False):
                for place in range(len(batch)):  # a row at a time: as Python's strings a batch is four times as large
                    row = {name: _value(batch[name][place]) for name in columns}
                    given += len(text) if isinstance(text := row[self._text_field], str | bytes) else 0
                    if given > most:
                        cause = f"unpacks to more than {_MOST_EXPANSION:,} times its size"
                        yield Unreadable(position, end - position, f"row group {group} {cause}")
                        return
                    yield self._record(row, position)
                    position += 1
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            yield Unreadable(position, end - position, f"row group {group} is damaged: {_first_line(error)}")

    def _sizes(self, group: int, columns: list[str]) -> tuple[int, int]:
        """Bytes of some columns of a row group, in the file and unpacked, as the file's footer has them."""
        found = self._file.metadata.row_group(group)
        chunks = [found.column(number) for number in range(found.num_columns)]
        wanted = [chunk for chunk in chunks if chunk.path_in_schema.split(".")[0] in columns]
        return (
            max(0, sum(chunk.total_compressed_size for chunk in wanted)),
            max(0, sum(chunk.total_uncompressed_size for chunk in wanted)),
        )

    def _record(self, row: dict[str, object], position: int) -> Item:
        record = row_record(row, position, 1, self._text_field)
        if record.end <= self._max_text:
            return record
        detail = f"text of {record.end} bytes, max_record_bytes is {self._max_text}"
        return record._replace(content=b"", end=0, problem=Problem("too_large", detail))


def _value(scalar: pa.Scalar[Any]) -> object:
    """A value as Python's; None for one that Python has no value for: a date of the year 12000, a zone of no name."""
    if isinstance(scalar, pa.TimestampScalar) and scalar.type.unit == "ns":
        scalar = scalar.cast(pa.timestamp("us", scalar.type.tz), safe=False)  # Python's dates have no nanoseconds
    try:
        return scalar.as_py()
    except UnicodeDecodeError:  # a ValueError too, but of a damaged file
        raise
    except (ValueError, OverflowError, LookupError):
        return None


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]
