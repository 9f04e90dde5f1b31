"""Writes HTTP exchanges into WARC files as crawlers do: a gzip member a record, digests, files cut by size.

The same exchanges in the same order give the same bytes: identifiers come from the URL and the place in the
crawl, and time advances by a fixed step.

Source: ISO 28500 (WARC 1.0); header set and order of records as in Common Crawl's archives.
"""

from __future__ import annotations

import io
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from warcio.warcwriter import WARCWriter

from flows.demo.fetch import USER_AGENT, Exchange
from storage.files import Digest, write_bytes

START = datetime(2026, 11, 22, tzinfo=UTC)
STEP = timedelta(milliseconds=250)
PREFIX = "WINNOW-DEMO"
ADDRESS = "127.0.0.1"
MAGIC = (
    (b"\x89PNG", "image/png"),
    (b"%PDF", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
)


class Recorder:
    """Appends exchanges to archive files in a folder; a file appears there when it is full, whole.

    Args:
        folder: Where the files go.
        file_bytes: A file is closed once it has reached this size, at the end of an exchange.
    """

    def __init__(self, folder: Path, file_bytes: int) -> None:
        self.folder = folder
        self.file_bytes = file_bytes
        self.files: dict[str, Digest] = {}
        self._exchanges = 0
        self._buffer = io.BytesIO()
        self._last_response = (0, 0)  # where the file's last one starts and ends
        self._warcinfo_id = ""

    def write(self, exchange: Exchange, via: str, depth: int) -> None:
        """Record a request, its response and how the crawler came to it.

        Args:
            exchange: What was on the wire.
            via: The URL that led here; empty for a seed.
            depth: Links followed from the seed.
        """
        if self._buffer.tell() >= self.file_bytes:
            self._close()
        if not self._buffer.tell():
            self._open()
        response_id = _record_id(exchange.url, "response", self._exchanges)
        shared = {"WARC-Date": self._date(), "WARC-Warcinfo-ID": self._warcinfo_id}
        beside = {**shared, "WARC-Concurrent-To": response_id}
        headers = shared | self._response_headers(exchange, response_id)
        self._record(exchange.url, "request", exchange.request, beside | {"WARC-IP-Address": ADDRESS})
        before = self._buffer.tell()
        self._record(exchange.url, "response", exchange.response, headers)
        self._last_response = (before, self._buffer.tell())
        self._record(exchange.url, "metadata", _metadata(exchange, via, depth), beside)
        self._exchanges += 1

    def finish(self, cut_last_record: bool = False) -> list[Path]:
        """Close the last file, in the middle of its last response if told to; the files, in order."""
        if self._buffer.tell() and cut_last_record:
            self._buffer.truncate(sum(self._last_response) // 2)
        if self._buffer.tell():
            self._close()
        return [self.folder / name for name in self.files]

    @property
    def _name(self) -> str:
        return f"{PREFIX}-{START:%Y%m%d%H%M%S}-{len(self.files):05d}.warc.gz"

    def _date(self) -> str:
        return f"{START + self._exchanges * STEP:%Y-%m-%dT%H:%M:%SZ}"

    def _open(self) -> None:
        self._warcinfo_id = _record_id(self._name, "warcinfo", len(self.files))
        info = {
            "isPartOf": f"{PREFIX}-{START:%Y}-{START:%V}",
            "description": "Documentation found on this machine, crawled from a server on it",
            "software": USER_AGENT,
            "robots": "obey",
            "format": "WARC File Format 1.0",
        }
        payload = "".join(f"{key}: {value}\r\n" for key, value in info.items()).encode()
        headers = {
            "WARC-Record-ID": self._warcinfo_id,
            "WARC-Date": self._date(),
            "WARC-Filename": self._name,
        }
        self._record("", "warcinfo", payload, headers)

    def _response_headers(self, exchange: Exchange, record_id: str) -> dict[str, str]:
        headers = {"WARC-Record-ID": record_id, "WARC-IP-Address": ADDRESS}
        kind = identify(exchange)
        return headers | ({"WARC-Identified-Payload-Type": kind} if kind else {})

    def _record(self, url: str, kind: str, block: bytes, headers: dict[str, str]) -> None:
        headers = {"WARC-Type": kind, "WARC-Record-ID": _record_id(url, kind, self._exchanges)} | headers
        writer = WARCWriter(self._buffer, gzip=True)
        writer.write_record(
            writer.create_warc_record(url, kind, io.BytesIO(block), len(block), warc_headers_dict=headers)
        )

    def _close(self) -> None:
        name = self._name
        self.files[name] = write_bytes(str(self.folder / name), self._buffer.getvalue())
        self._buffer = io.BytesIO()


def identify(exchange: Exchange) -> str:
    """The media type of a body by its first bytes, else as declared; empty for an empty body."""
    head = exchange.body[:512].lstrip()
    if not head:
        return ""
    if head[:15].lower().startswith((b"<!doctype html", b"<html")):
        return "text/html"
    return next((kind for magic, kind in MAGIC if head.startswith(magic)), exchange.content_type)


def _metadata(exchange: Exchange, via: str, depth: int) -> bytes:
    lines = [f"via: {via}", f"hopsFromSeed: {'L' * depth}"] if via else ["seed: "]
    lines += [f"outlink: {link}" for link in exchange.links if urlsplit(link).netloc != urlsplit(exchange.url).netloc]
    return "".join(f"{line}\r\n" for line in lines).encode()


def _record_id(url: str, kind: str, number: int) -> str:
    return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{PREFIX} {kind} {number} {url}')}>"
