"""From judged pages to the rows the archive task writes: identities, the ledger's columns, documents, personal data."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from pipeline.archive.records import Page, Record, Refusal, Unreadable
from pipeline.batch import DocumentBatch
from pipeline.judging import Verdicts
from pipeline.stage import Stage
from storage import schema
from storage.sources import Source

WORKING_COLUMNS = frozenset(
    {"body", "charset_hint", "text", "text_digest", "bands", "pii_spans", "contamination_spans"}
)
"""Columns that stages hand to each other and that have tables of their own (or none): not signals of a page."""


def document_id(record_id: str | None, crawl: str, archive: str, offset: int) -> str:
    """The record's own UUID where it has one, else a version-5 UUID of where it lies."""
    text = (record_id or "").strip("<> ").removeprefix("urn:uuid:")
    try:
        return str(uuid.UUID(text))
    except ValueError:
        name = record_id or f"{crawl}/{archive}#{offset}"
        return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def identify(item: Record | Unreadable, source: Source) -> dict[str, Any]:
    """What names a record in the ledger, whatever becomes of it."""
    record_id, date = (item.record_id, item.date) if isinstance(item, Record) else (None, None)
    return {
        "doc_id": document_id(record_id, source.crawl, source.archive, item.offset), "domain": source.domain,
        "fetched_at": date, "crawl": source.crawl, "archive": source.archive, "offset": item.offset,
        "length": item.length,
    }  # fmt: skip


def forgotten_id(crawl: str, archive: str, offset: int) -> str:
    """The doc_id of a forgotten page: of its place, not of the page."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"forgotten:{crawl}/{archive}#{offset}"))


def forgotten_row(place: Mapping[str, Any], domain: str) -> dict[str, Any]:
    """The ledger row of a forgotten page: that it was there and how long it was, and nothing of what it was.

    Args:
        place: Its crawl, archive, offset and length.
        domain: What its source declares.
    """
    where = {name: place[name] for name in ("crawl", "archive", "offset", "length")}
    named = {"doc_id": forgotten_id(where["crawl"], where["archive"], where["offset"]), "domain": domain}
    verdict = {"fate": "dropped", "dropped_by": "archive", "dropped_by_rule": FORGOTTEN_RULE}
    return where | named | verdict | {"failed_rules": [FORGOTTEN_RULE], "detail": "forgotten at request"}


def describe(page: Page | Refusal) -> dict[str, Any]:
    """Identity columns the page itself tells; a refusal has no body to tell of."""
    row = {"url": page.url, "host": page.host, "http_status": page.http_status, "mime": page.mime}
    if isinstance(page, Page):
        row |= {"payload_bytes": len(page.body), "payload_digest": hashlib.sha256(page.body).hexdigest()}
    return row


def batch_of(pages: Sequence[tuple[dict[str, Any], Page]]) -> DocumentBatch:
    """Pages with their identities, as the stages want them: identity, body or text, hints."""
    columns = {f.name: pa.array([row.get(f.name) for row, _ in pages], f.type) for f in schema.PAGE_IDENTITY}
    columns["body"] = pa.array([None if page.text is not None else page.body for _, page in pages], pa.binary())
    columns["charset_hint"] = pa.array([page.charset_hint for _, page in pages], pa.string())
    columns["text"] = pa.array([page.text for _, page in pages], pa.string())
    return DocumentBatch(columns)


def judged_rows(verdicts: Verdicts, stages: tuple[Stage, ...]) -> pa.Table:
    """The ledger rows of judged pages, in their order."""
    wanted = pages_schema(stages)
    fate = pa.array(["kept" if kept else "dropped" for kept in verdicts.kept], pa.string())
    judged = verdicts.table.append_column("fate", fate)
    judged = judged.append_column("detail", pa.nulls(len(judged), pa.string()))
    return judged.select(wanted.names).cast(wanted)


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


def contamination_of(judged: pa.Table) -> pa.Table:
    """One row a stretch that is in a benchmark, of every page judged: dropped ones are what a report asks about."""
    rows: list[dict[str, Any]] = []
    if "contamination_spans" in judged.column_names:
        for row in judged.select([*KEY, "contamination_spans"]).to_pylist():
            rows.extend({**{name: row[name] for name in KEY}, **span} for span in row["contamination_spans"] or ())
    return pa.Table.from_pylist(rows, schema.CONTAMINATION)


FORGOTTEN_RULE = "archive.forgotten"
"""The rule under which the ledger keeps the place of a page that somebody asked to forget."""

KEY = ("crawl", "archive", "offset", "doc_id")
