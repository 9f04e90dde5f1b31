"""Rows a kept fine-tuning is applied to, as they are read: texts, files of rows, lines of standard input."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from model.finetune.config import Task
from pipeline.labelled.unlabelled import KEYS, row_of
from storage import files
from storage.errors import UserError

Row = dict[str, Any]
AT_ONCE = 2_048
"""Rows that are in memory together: read, encoded, computed by length, and told."""


def read_rows(task: Task, given: Sequence[str], second: str | None = None) -> Iterator[Row]:
    """Rows to apply a task to, from what a command line names; read as they are asked for.

    Args:
        given: Texts; files of rows (.jsonl, .parquet); "-" for standard input, a JSON object or a text a line.
        second: Of pairs the other text, of qa the context; goes with every text given.

    Raises:
        UserError: No such file, a line that is no example of the task, or nothing at all.
    """
    texts = [one for one in given if one != "-" and not one.endswith(_FILES)]
    plain = iter([_row_of_text(text, second, task) for text in texts])
    for uri in given:
        if uri.endswith(_FILES) and not files.exists(uri):
            raise UserError(f"there is no file {uri}.")
    return _rows(task, given, plain)


_FILES = (".jsonl", ".parquet")


def _rows(task: Task, given: Sequence[str], plain: Iterator[Row]) -> Iterator[Row]:
    count = 0
    for one in given:
        if one.endswith(".jsonl"):
            found = _json_rows(one, task)
        elif one.endswith(".parquet"):
            found = _parquet_rows(one)
        elif one == "-":
            found = _line_rows(sys.stdin, "standard input", task)
        else:
            found = iter((next(plain),))
        for row in found:
            count += 1
            yield row
    if not count:
        raise UserError("there is no text to apply it to.", "Give texts, a .jsonl or .parquet file, or - for lines.")


def _row_of_text(text: str, second: str | None, task: Task) -> Row:
    keys = KEYS[task]
    if len(keys) == 1 and second is not None:
        raise UserError(f"the task {task} reads one text.", "Leave out --second and --context.")
    if len(keys) == 2 and second is None:
        option = "--context" if task == "qa" else "--second"
        raise UserError(f"the task {task} reads two texts: {' and '.join(keys)}.", f"Give the other one with {option}.")
    return {"text": text} if task == "tagging" else dict(zip(keys, (text, second), strict=False))


def _json_rows(uri: str, task: Task) -> Iterator[Row]:
    with files.open_read(uri) as stream:
        yield from _line_rows((line.decode() for line in stream), uri, task, plain=False)


def _parquet_rows(uri: str) -> Iterator[Row]:
    with files.open_read(uri) as stream:
        try:
            for batch in pq.ParquetFile(stream).iter_batches(AT_ONCE):
                yield from _in_microseconds(batch).to_pylist()
        except (pa.ArrowException, OSError) as error:
            reason = str(error).partition("\n")[0].rstrip(".")
            raise UserError(f"{uri} is no Parquet file: {reason}.") from error
        except (ValueError, OverflowError, LookupError) as error:
            raise UserError(f"{uri} has a value that Python has none for: {error}.") from error


def _in_microseconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch without the nanoseconds of its dates, which Python's do not have."""
    columns = [
        column.cast(pa.timestamp("us", column.type.tz), safe=False)
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns"
        else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _utf8(lines: Iterable[str], name: str) -> Iterator[str]:
    """The lines, without a byte order mark; they are decoded as they are asked for."""
    try:
        for number, line in enumerate(lines):
            yield line if number else line.removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise UserError(f"{name} is not UTF-8.") from error


def _line_rows(lines: Iterable[str], name: str, task: Task, plain: bool = True) -> Iterator[Row]:
    for number, line in enumerate(_utf8(lines, name), 1):
        if not (line := line.strip("\r\n")).strip():
            continue
        try:
            row = row_of(line, task) if plain and not line.startswith("{") else json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("it is no JSON object")
        except json.JSONDecodeError as error:
            raise UserError(f"line {number} of {name} is no JSON.") from error
        except ValueError as error:
            raise UserError(f"line {number} of {name} does not fit the task {task}: {error}.") from error
        yield row
