"""Arrow tables for people (rich) and for programs (JSON, CSV, Parquet)."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.narrow import Column, framed_width, narrow_table
from storage.errors import UserError

FORMATS = ("table", "json", "csv", "parquet")
_LONGEST_CELL = 200
_UNBOUNDED = 100_000
"""Columns of a console that is no terminal: what is piped is never wrapped or cut to a screen's width."""


def print_table(table: pa.Table, format: str = "table", title: str = "") -> None:
    """Print rows to standard output in one of `FORMATS`.

    Raises:
        UserError: No such format, or Parquet to a terminal.
    """
    if format == "table":
        print_rich(table, title)
    elif format == "json":
        print(to_json(table.to_pylist()))
    elif format == "csv":
        sys.stdout.write(to_csv(table))
    elif format == "parquet":
        _print_parquet(table)
    else:
        raise UserError(f"There is no format {format!r}.", f"One of {', '.join(FORMATS)}.")


def print_rich(table: pa.Table, title: str = "") -> None:
    """Print rows as a table for reading: numbers grouped, fractions as per cent, long texts cut; without its frame on
    a screen that is too narrow for it."""
    columns = [
        Column(field.name, [cell_text(field.name, value) for value in cells.to_pylist()], _is_number(field.type))
        for field, cells in zip(table.schema, table.columns, strict=True)
    ]
    screen = console()
    if framed_width(columns) <= screen.width:
        screen.print(_framed(columns, title))
    else:
        title = f"{title}\n" if title else ""
        screen.print(Text(title, style="italic"), narrow_table(columns, screen.width), sep="", no_wrap=True)
    if not table.num_rows:
        print("(no rows)")


def _framed(columns: Sequence[Column], title: str) -> Table:
    shown = Table(title=title or None, title_justify="left", header_style="bold", caption_justify="left")
    for column in columns:
        shown.add_column(column.name, justify="right" if column.is_number else "left", overflow="fold")
    for row in zip(*(column.cells for column in columns), strict=True):
        shown.add_row(*map(Text, row))
    return shown


def console() -> Console:
    """Standard output; as wide as its content where it is no terminal."""
    return Console(width=None if sys.stdout.isatty() else _UNBOUNDED, soft_wrap=False)


def cell_text(name: str, value: Any) -> str:
    """A value as a person reads it; the column's name says its unit. A null is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return _number(name, value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    text = value if isinstance(value, str) else to_json(value, indent=None)
    return harmless(text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}…")


def to_json(rows: Any, indent: int | None = 2) -> str:
    """JSON of rows: times as ISO 8601, bytes in hexadecimal, what JSON has no number for as a string."""
    return json.dumps(_plain(rows), ensure_ascii=False, indent=indent)


def json_pieces(rows: Iterable[Any]) -> Iterator[str]:
    """What `to_json` makes of the list of those rows, piece by piece, as they come."""
    opening = "["
    for row in rows:
        yield opening + to_json([row])[1:-2]
        opening = ","
    yield "[]" if opening == "[" else "\n]"


def to_csv(table: pa.Table) -> str:
    """CSV with a header; nulls are empty, lists and structures JSON."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.column_names)
    for row in table.to_pylist():
        writer.writerow([_csv_cell(value) for value in row.values()])
    return out.getvalue()


def table_of(rows: Sequence[dict[str, Any]], columns: Iterable[str]) -> pa.Table:
    """Rows as a table that has its columns even without rows."""
    return pa.table({name: [row.get(name) for row in rows] for name in columns})


def _number(name: str, value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    if name.endswith("_frac"):
        return f"{value:.1%}"
    if abs(value) >= 1e4:
        return f"{value:,.0f}"
    return f"{value:,.4g}"


def harmless(text: str) -> str:
    """Without control characters: a page's title must not be able to move the cursor or colour the screen."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _csv_cell(value: Any) -> Any:
    plain = _plain(value)
    return json.dumps(plain, ensure_ascii=False) if isinstance(plain, dict | list) else plain


def _print_parquet(table: pa.Table) -> None:
    if sys.stdout.isatty():
        raise UserError(
            "Parquet is not for a terminal.",
            "Send it to a file: winnow sql ... --format parquet > rows.parquet",
        )
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    sys.stdout.buffer.write(buffer.getvalue())
