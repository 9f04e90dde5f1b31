"""ARC records, version 1 (five fields) and 2 (ten).

Source: Heritrix's and the Internet Archive's ARC file format,
    https://archive.org/web/researcher/ArcFileFormat.php
"""

from __future__ import annotations

import re

from pipeline.archive.grammar import Head
from pipeline.archive.headers import parse_date
from pipeline.archive.records import KnownHeader

_NAMES = ("ip-address", "archive-date", "content-type", "content-length")
_NAMES_2 = (*_NAMES[:3], "result-code", "checksum", "location", "arc-offset", "arc-filename", _NAMES[3])
_ADDRESS = rb"(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*|-)"
_URL = rb"[a-z][a-z0-9+.-]{1,20}:[^\r\n]{1,3000}?"
_LINE = _URL + b" " + _ADDRESS + rb" [\w-]{1,17} (?:[^\r\n]{0,500}? )?\d{1,15}\r?\n"


class ArcGrammar:
    """See `grammar.Grammar`."""

    name = "arc"
    begins = re.compile(rb"[\r\n]*" + _LINE, re.IGNORECASE)
    resumes = re.compile(rb"(?m:^)" + _LINE, re.IGNORECASE)
    terminator = b""

    def parse(self, data: bytes | bytearray, start: int = 0) -> Head | str | None:
        """See `grammar.Grammar`."""
        end = data.find(b"\n", start)
        if end < 0:
            return None
        if not self.begins.match(data, start):
            return "no ARC record starts here"
        url, fields = _split(str(data[start:end], "utf-8", "replace").strip())
        header = KnownHeader(None, url, parse_date(fields["archive-date"]), fields)
        return Head(end + 1 - start, int(fields["content-length"]), _kind(url), header)


def _split(line: str) -> tuple[str, dict[str, str]]:
    """The URL, which may hold spaces, and the other fields."""
    names = _NAMES_2 if re.search(r" \d{3} \S+ \S+ \d+ \S+ \d+$", line) else _NAMES
    parts = line.rsplit(" ", len(names))
    if len(parts) <= len(names):  # a field is missing: keep those at the ends, which are needed
        words = line.split(" ")
        return words[0], {"archive-date": words[2], "content-type": "", "content-length": words[-1]}
    return parts[0], dict(zip(names, parts[1:], strict=True))


def _kind(url: str) -> str:
    scheme = url.partition(":")[0].lower()
    if scheme == "filedesc":
        return "warcinfo"
    return "response" if scheme in ("http", "https") else "resource"
