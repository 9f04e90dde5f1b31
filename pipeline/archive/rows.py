"""Rows of text sources (JSONL, Parquet) as records."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipeline.archive.headers import parse_date, utc_of
from pipeline.archive.records import KnownHeader, Problem, Record

ID_FIELDS = ("id", "doc_id", "url")
DATE_FIELDS = ("date", "timestamp", "fetched_at")


def row_record(row: Mapping[str, Any], offset: int, length: int, text_field: str) -> Record:
    """The record of one row: its text as the block, its identity from `id`, `doc_id` or `url`."""
    text = row.get(text_field)
    problem = None
    if not isinstance(text, str):
        what = "is missing" if text is None else f"holds no text but {type(text).__name__}"
        problem = Problem("no_text", f"field {text_field!r} {what}")
        text = ""
    url = row.get("url")
    url = clean_text(url) if isinstance(url, str) and url else None
    block = clean_text(text).encode()
    header = KnownHeader(_row_id(row), url, _row_date(row))
    return Record(offset, length, "text", header, block, 0, len(block), problem)


def clean_text(text: str) -> str:
    """The text without NULs, each lone surrogate replaced by U+FFFD: what Arrow and UTF-8 can hold."""
    return without_surrogates(text.replace("\0", ""))


def without_surrogates(text: str) -> str:
    """The text with U+FFFD for each lone surrogate, which JSON can say and UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _row_id(row: Mapping[str, Any]) -> str | None:
    for name in ID_FIELDS:
        value = row.get(name)
        if isinstance(value, str | int) and value != "":
            return _as_uuid(clean_text(str(value)))
    return None


def _as_uuid(value: str) -> str:
    """The UUID the value is, or the version-5 UUID of it."""
    try:
        return str(uuid.UUID(value))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, value))


def _row_date(row: Mapping[str, Any]) -> datetime | None:
    for name in DATE_FIELDS:
        value = row.get(name)
        if isinstance(value, datetime):
            return utc_of(value)
        if isinstance(value, str) and (date := parse_date(value)):
            return date
    return None
