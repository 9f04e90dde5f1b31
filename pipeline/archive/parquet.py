"""Parquet text sources: one document a row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.archive.records import Item, Problem, Unreadable
from pipeline.archive.rows import DATE_FIELDS, ID_FIELDS, row_record

MAGIC = b"PAR1"
_BATCH_ROWS = 512


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
        """The rows of one row group; from where it cannot be decoded, one unreadable span."""
        position = start
        try:
            batches = self._file.iter_batches(_BATCH_ROWS, [group], columns, use_threads=False)
            for batch in batches:
                for row in batch.to_pylist():
                    yield self._record(row, position)
                    position += 1
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            yield Unreadable(position, end - position, f"row group {group} is damaged: {_first_line(error)}")

    def _record(self, row: dict[str, object], position: int) -> Item:
        record = row_record(row, position, 1, self._text_field)
        if record.end <= self._max_text:
            return record
        detail = f"text of {record.end} bytes, max_record_bytes is {self._max_text}"
        return record._replace(content=b"", end=0, problem=Problem("too_large", detail))


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]
