"""WARC records: how one begins, and its header.

Source: WARC 1.1, https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/
"""

from __future__ import annotations

import re

from pipeline.archive.grammar import Head
from pipeline.archive.headers import find_head_end, parse_date, parse_fields, parse_record_id

_LENGTH = re.compile(r"[0-9]{1,15}")


class WarcGrammar:
    """See `grammar.Grammar`."""

    name = "warc"
    begins = re.compile(rb"[\r\n]*WARC/\d\.\d{1,2}[ \t\r]*\n")
    resumes = re.compile(rb"WARC/\d\.\d{1,2}\r*\n[A-Za-z][A-Za-z0-9-]{0,60}:")
    terminator = b"\r\n\r\n"

    def parse(self, data: bytes, start: int = 0) -> Head | str | None:
        """See `grammar.Grammar`."""
        if not data.startswith(b"WARC/", start):
            return "no WARC record starts here"
        end, block_start = find_head_end(data, start)
        if end < 0:
            return None
        text = str(data[start:end], "utf-8", "replace")
        fields = parse_fields(text)
        length = fields.get("content-length", "")
        if "\0" in text or not _LENGTH.fullmatch(length):
            return "WARC header is damaged: no valid Content-Length"
        url = fields.get("warc-target-uri")
        return Head(
            block_start - start,
            int(length),
            fields.get("warc-type", "").lower(),
            parse_record_id(fields.get("warc-record-id")),
            url.strip("<> ") or None if url else None,
            parse_date(fields.get("warc-date")),
            fields,
        )
