"""What a table's schema is made of: columns that say what they hold, in which unit, and what a null means."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

STRING, INT, FLOAT, TIME = pa.string(), pa.int64(), pa.float64(), pa.timestamp("us", tz="UTC")


def field(name: str, type: pa.DataType, doc: str, unit: str = "", null: str = "") -> pa.Field[Any]:
    """A column with its meaning: `null` says what a null means; empty where there is never one."""
    return pa.field(name, type, nullable=bool(null), metadata={"doc": doc, "unit": unit, "null": null})


def table(*fields: pa.Field[Any]) -> pa.Schema:
    """A table's schema."""
    return pa.schema(list(fields))


def describe(schema: pa.Schema) -> list[dict[str, Any]]:
    """Name, type, meaning, unit and meaning of null of every column, for documentation."""
    rows = []
    for column in schema:
        meta = {key.decode(): value.decode() for key, value in (column.metadata or {}).items()}
        rows.append({"column": column.name, "type": str(column.type), **meta})
    return rows
