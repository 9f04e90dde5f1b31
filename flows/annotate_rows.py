"""From judged pages to the rows the archive task writes: identities, the ledger's columns, documents, personal data."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import pyarrow as pa

from pipeline.stage import Stage
from storage import schema

WORKING_COLUMNS = frozenset({"body", "charset_hint", "text", "text_digest", "bands", "pii_spans"})
"""Columns that stages hand to each other and that have tables of their own (or none): not signals of a page."""


def document_id(record_id: str | None, crawl: str, archive: str, offset: int) -> str:
    """The record's own UUID where it has one, else a version-5 UUID of where it lies."""
    text = (record_id or "").strip("<> ").removeprefix("urn:uuid:")
    try:
        return str(uuid.UUID(text))
    except ValueError:
        name = record_id or f"{crawl}/{archive}#{offset}"
        return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def signal_fields(stages: tuple[Stage, ...]) -> list[pa.Field[Any]]:
    """The columns stages add that belong in the ledger, in order, first definition wins."""
    fields: dict[str, pa.Field[Any]] = {}
    for stage in stages:
        for column in stage.adds:
            if column.name not in WORKING_COLUMNS and column.name not in schema.PAGES.names:
                fields.setdefault(column.name, column)
    return list(fields.values())


def pages_schema(stages: tuple[Stage, ...]) -> pa.Schema:
    """The ledger's schema for these stages: identity, verdict, signals."""
    return pa.schema([*schema.PAGES, *signal_fields(stages)])


def documents_of(survivors: pa.Table) -> pa.Table:
    """The DOCUMENTS rows of judged survivors; a measure no stage took is null."""
    encoded = [str(text).encode() for text in survivors["text"].to_pylist()]
    made: dict[str, Any] = {"text_bytes": pa.array([len(text) for text in encoded], pa.int64())}
    if "text_digest" not in survivors.column_names:
        made["text_digest"] = pa.array([hashlib.sha256(text).hexdigest() for text in encoded], pa.string())
    columns: list[Any] = []
    for column in schema.DOCUMENTS:
        if column.name in made:
            columns.append(made[column.name])
        elif column.name in survivors.column_names:
            columns.append(survivors[column.name].cast(column.type))
        else:
            columns.append(pa.nulls(len(survivors), column.type))
    return pa.table(columns, schema=schema.DOCUMENTS)


def pii_of(survivors: pa.Table) -> pa.Table:
    """One row a replacement: where and of what kind, never the value."""
    rows: list[dict[str, Any]] = []
    if "pii_spans" in survivors.column_names:
        for row in survivors.select([*KEY, "pii_spans"]).to_pylist():
            spans = row.pop("pii_spans") or []
            rows.extend(row | span for span in spans)
    return pa.Table.from_pylist(rows, schema.PII)


KEY = ("crawl", "archive", "offset", "doc_id")
