"""WARC records: how one begins, and its header.

Source: WARC 1.1, https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/
"""

from __future__ import annotations

import re
from datetime import datetime

from pipeline.archive.grammar import Head
from pipeline.archive.headers import find_head_end, parse_date, parse_fields, parse_record_id

_LENGTH = re.compile(r"[0-9]{1,15}")
_USUAL_LENGTH = re.compile(rb"\r\nContent-Length: ?([0-9]{1,15})\r\n(?![ \t])")
_USUAL_TYPE = re.compile(rb"\r\nWARC-Type: ?([a-z]{1,20})\r\n(?![ \t])")
_DAMAGED = "WARC header is damaged: no valid Content-Length"


class WarcHeader:
    """See `records.Header`; its lines are taken apart when they are asked for."""

    __slots__ = ("_fields", "_lines")

    def __init__(self, lines: bytes | bytearray) -> None:
        self._lines = lines
        self._fields: dict[str, str] | None = None

    @property
    def fields(self) -> dict[str, str]:
        """See `records.Header`."""
        if self._fields is None:
            self._fields = parse_fields(str(self._lines, "utf-8", "replace"))
        return self._fields

    @property
    def record_id(self) -> str | None:
        """See `records.Header`."""
        return parse_record_id(self.fields.get("warc-record-id"))

    @property
    def url(self) -> str | None:
        """See `records.Header`."""
        return self.fields.get("warc-target-uri", "").strip("<> ") or None

    @property
    def date(self) -> datetime | None:
        """See `records.Header`."""
        return parse_date(self.fields.get("warc-date"))


class WarcGrammar:
    """See `grammar.Grammar`."""

    name = "warc"
    begins = re.compile(rb"[\r\n]*WARC/\d\.\d{1,2}[ \t\r]*\n")
    resumes = re.compile(rb"WARC/\d\.\d{1,2}\r*\n[A-Za-z][A-Za-z0-9-]{0,60}:")
    terminator = b"\r\n\r\n"

    def parse(self, data: bytes | bytearray, start: int = 0) -> Head | str | None:
        """See `grammar.Grammar`."""
        if not data.startswith(b"WARC/", start):
            return "no WARC record starts here"
        end, block_start = find_head_end(data, start)
        if end < 0:
            return None
        header = WarcHeader(data[start:end])
        if data.find(b"\0", start, end) >= 0:
            return _DAMAGED
        length = _USUAL_LENGTH.search(data, start, block_start)
        kind = _USUAL_TYPE.search(data, start, block_start)
        if length and kind:
            return Head(block_start - start, int(length[1]), str(kind[1], "ascii"), header)
        stated = header.fields.get("content-length", "")
        if not _LENGTH.fullmatch(stated):
            return _DAMAGED
        return Head(block_start - start, int(stated), header.fields.get("warc-type", "").lower(), header)
