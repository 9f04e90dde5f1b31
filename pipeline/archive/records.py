"""What a reader yields and what becomes of it: values, no behaviour.

Offsets and lengths count in the archive's stream (see `ArchiveReader.offsets_in`). The spans of all items of
an archive lie end to end and cover the stream to the byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, Protocol


class Problem(NamedTuple):
    """Why a record that was found cannot be used: a short reason, and the detail in words."""

    reason: str
    detail: str


class Header(Protocol):
    """What a record says of itself. Half of an archive's records are never asked, so it may be read only when it is."""

    @property
    def record_id(self) -> str | None:
        """Canonical UUID; null where the record names none."""
        ...

    @property
    def url(self) -> str | None:
        """Target URI; null where the record names none."""
        ...

    @property
    def date(self) -> datetime | None:
        """When it was fetched, UTC; null where unknown or unreadable."""
        ...

    @property
    def fields(self) -> Mapping[str, str]:
        """Header fields by lower-case name; the first of several wins."""
        ...


class KnownHeader(NamedTuple):
    """A `Header` that was read already."""

    record_id: str | None = None
    url: str | None = None
    date: datetime | None = None
    fields: Mapping[str, str] = {}


class Record(NamedTuple):
    """One record of an archive, or one row of a text source.

    Attributes:
        offset: Where it starts in the stream.
        length: Up to the next item: padding after a record belongs to it.
        kind: WARC-Type in lower case; "text" for a row of JSONL or Parquet; "zip" for a part of a WACZ that is
            no archive.
        header: What it says of itself.
        content: Bytes that hold its block, which is not copied out of them before it is wanted.
        start: Where in `content` the block begins.
        end: Where in `content` the block ends.
        problem: Null, or why the block is not to be used.
    """

    offset: int
    length: int
    kind: str
    header: Header
    content: bytes | bytearray = b""
    start: int = 0
    end: int = 0
    problem: Problem | None = None

    @property
    def record_id(self) -> str | None:
        """See `Header`."""
        return self.header.record_id

    @property
    def url(self) -> str | None:
        """See `Header`."""
        return self.header.url

    @property
    def date(self) -> datetime | None:
        """See `Header`."""
        return self.header.date

    @property
    def block(self) -> bytes:
        """A copy of its block: for a response the HTTP message, for a row its text in UTF-8."""
        return bytes(self.view)

    @property
    def view(self) -> memoryview:
        """Its block, not copied."""
        return memoryview(self.content)[self.start : self.end]


class Unreadable(NamedTuple):
    """A span no record could be read from, and why. Of length 0 only at the end of a stream cut short."""

    offset: int
    length: int
    cause: str


class Padding(NamedTuple):
    """Blank bytes between records; the reader gives them to the record before."""

    offset: int
    length: int


Item = Record | Unreadable


class Page(NamedTuple):
    """A page to judge.

    Attributes:
        host: Host of the URL, lower case; null without one.
        http_status: Null where it was no HTTP response.
        mime: Media type, lower case, without parameters.
        charset_hint: Character set named by the HTTP header; null where none was.
        body: Bytes, decoded from transfer and content encodings; empty where `text` is given by the source.
        text: The document, where the source holds text already; else null.
    """

    url: str | None
    host: str | None
    http_status: int | None
    mime: str | None
    charset_hint: str | None
    body: bytes
    text: str | None


class Refusal(NamedTuple):
    """A content record that is no page to judge: rule `archive.<reason>`, and what is known of it."""

    reason: str
    detail: str
    url: str | None = None
    host: str | None = None
    http_status: int | None = None
    mime: str | None = None


class Skip(NamedTuple):
    """A record that is no content (request, metadata, warcinfo...): counted by kind."""

    kind: str
