"""Small archives made here, and a way to read them that checks what always holds: spans tile the stream."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import pytest
import zstandard
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from pipeline.archive.config import ArchiveConfig
from pipeline.archive.page import to_page
from pipeline.archive.reader import ArchiveReader, read_archive
from pipeline.archive.records import Item, Page, Record, Refusal, Unreadable

PAGES = 10


@dataclass(frozen=True)
class Reading:
    """What a reader made of some bytes."""

    reader: ArchiveReader
    items: list[Item]

    @property
    def records(self) -> list[Record]:
        return [item for item in self.items if isinstance(item, Record)]

    @property
    def lost(self) -> list[Unreadable]:
        return [item for item in self.items if isinstance(item, Unreadable)]

    @property
    def pages(self) -> list[Page]:
        return [page for page in map(to_page, self.records) if isinstance(page, Page)]

    @property
    def refusals(self) -> list[Refusal]:
        return [page for page in map(to_page, self.records) if isinstance(page, Refusal)]


@pytest.fixture(scope="session")
def read() -> Callable[..., Reading]:
    """Reads bytes as an archive; fails where spans do not lie end to end."""

    def _read(data: bytes, **settings: object) -> Reading:
        config = ArchiveConfig(**settings)  # type: ignore[arg-type]
        reader = read_archive(io.BytesIO(data), "test", len(data), config)
        items = list(reader)
        position = 0
        for item in items:
            assert item.offset == position
            position += item.length
        assert position == reader.stream_bytes
        return Reading(reader, items)

    return _read


def page_body(number: int) -> bytes:
    """The body of page `number`, unlike any other's."""
    words = " ".join(f"word{number * 1000 + i * i}" for i in range(60 + number * 20))
    return f"<html><body><h1>Page {number}</h1><p>{words}</p></body></html>".encode()


def make_warc(compressed: bool) -> list[bytes]:
    """The records of a WARC file as warcio writes it: warcinfo, then responses and requests with digests."""
    stream = io.BytesIO()
    writer = WARCWriter(stream, gzip=compressed)
    ends = [0]

    def write(record: object) -> None:
        writer.write_record(record)
        ends.append(stream.tell())

    write(writer.create_warcinfo_record("test.warc", {"software": "test"}))
    for number in range(PAGES):
        url = f"http://site{number}.example/page"
        status = StatusAndHeaders("200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1")
        body = io.BytesIO(page_body(number))
        request = StatusAndHeaders("GET /page HTTP/1.1", [("Host", f"site{number}.example")], is_http_request=True)
        write(writer.create_warc_record(url, "response", payload=body, http_headers=status))
        write(writer.create_warc_record(url, "request", http_headers=request))
    data = stream.getvalue()
    return [data[start:end] for start, end in pairwise(ends)]


def contain(container: str) -> list[bytes]:
    """The archive's parts as they lie in its file: one a record, or just one where all share a member."""
    plain = make_warc(compressed=False)
    match container:
        case "plain":
            return plain
        case "gzip":
            return make_warc(compressed=True)
        case "zstd":
            compressor = zstandard.ZstdCompressor(write_checksum=True)
            return [compressor.compress(record) for record in plain]
        case "one gzip":
            return [gzip.compress(b"".join(plain), mtime=0)]
        case _:
            return [zstandard.ZstdCompressor(write_checksum=True).compress(b"".join(plain))]


@pytest.fixture(scope="session")
def archives() -> dict[str, list[bytes]]:
    """The same archive in every container, by name; each a list of parts."""
    return {name: contain(name) for name in ("plain", "gzip", "zstd", "one gzip", "one zstd")}


@pytest.fixture(scope="session")
def bodies() -> list[bytes]:
    """The bodies of the archive's pages, in order."""
    return [page_body(number) for number in range(PAGES)]
