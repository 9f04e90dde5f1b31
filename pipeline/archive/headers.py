"""Header fields, identifiers and dates as archives write them."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime

_UUID = re.compile(r"<?(?:urn:uuid:)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})>?", re.IGNORECASE)
_HEAD_END = re.compile(rb"\r*\n\r*\n")
_FOLD = re.compile(r"\r?\n[ \t]+")
_PARTIAL_DATE = re.compile(r"\d{4}(-\d{2})?")
_MAX_NAMES = 1 << 12
_MAX_NAME = 64


class _Names(dict[str, str]):
    """Field names as they are looked up; archives repeat the same few, so each is made once."""

    def __missing__(self, name: str) -> str:
        lower = name.strip().lower()
        if len(self) < _MAX_NAMES and len(name) <= _MAX_NAME:
            self[name] = lower
        return lower


_LOWER = _Names()


def find_head_end(data: bytes | bytearray, start: int = 0, stop: int | None = None) -> tuple[int, int]:
    """Where the lines before a blank line end, and where the bytes after it begin; (-1, -1) without one.

    Args:
        stop: Where to stop looking; at the end where None.
    """
    stop = len(data) if stop is None else stop
    if data.find(b"\n", start, stop) == data.find(b"\r", start, stop) + 1:  # by its first line it ends lines as usual
        end = data.find(b"\r\n\r\n", start, stop)
        if end >= 0:
            return end, end + 4
    match = _HEAD_END.search(data, start, stop)
    return match.span() if match else (-1, -1)


def parse_fields(text: str) -> dict[str, str]:
    """Lines of `Name: value` by lower-case name; folded lines joined, the first of several fields wins."""
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    fields: dict[str, str] = {}
    lines = text.split("\n")
    lines.reverse()
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            fields[_LOWER[name]] = value.strip()
    return fields


def parse_record_id(value: str | None) -> str | None:
    """A WARC-Record-ID as a canonical UUID (of one that is no UUID its version-5 UUID); None without."""
    if not value:
        return None
    if match := _UUID.fullmatch(value):
        return match[1].lower()
    return str(uuid.uuid5(uuid.NAMESPACE_URL, value))


def parse_date(value: str | None) -> datetime | None:
    """A date in ISO 8601 (also a year or month alone) or of 8 to 14 digits, UTC by default; else None."""
    if not value:
        return None
    if len(value) < 8 and _PARTIAL_DATE.fullmatch(value):
        value = (value + "-01-01")[:10]
    elif value.isdigit():
        value = f"{value[:8]}T{value[8:14]:0<6}"
    try:
        return utc_of(datetime.fromisoformat(value))
    except ValueError:
        return None


def utc_of(date: datetime) -> datetime | None:
    """A moment in UTC, which one without a zone is in already; None where that is before year 1 or after 9999."""
    try:
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except OverflowError:
        return None
