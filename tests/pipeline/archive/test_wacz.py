"""WACZ: the archives in a ZIP, at their places in it; everything else of the ZIP accounted for."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.archive.page import to_page
from pipeline.archive.records import Skip

PAGES_LIST = b'{"format": "json-pages-1.0"}\n{"url": "http://a.example/", "text": "not a document"}\n'


def wacz(parts: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        packed.writestr("datapackage.json", b'{"profile": "data-package"}')
        packed.writestr("pages/pages.jsonl", PAGES_LIST, zipfile.ZIP_DEFLATED)
        for name, data in parts.items():
            packed.writestr(f"archive/{name}", data, method)
        packed.writestr("indexes/index.cdx.gz", b"\x1f\x8b\x08 an index")
    return stream.getvalue()


@pytest.fixture
def packed(archives):
    """Two archives in one WACZ: one compressed record by record, one plain."""
    return wacz({"first.warc.gz": b"".join(archives["gzip"]), "second.warc": b"".join(archives["plain"])})


def kinds(reading):
    return [page.kind for page in map(to_page, reading.records) if isinstance(page, Skip)]


def test_every_archive_in_it_is_read_and_the_rest_is_skipped(packed, bodies, read):
    reading = read(packed)
    assert (reading.reader.format, reading.reader.offsets_in) == ("wacz", "file")
    assert reading.reader.stream_bytes == len(packed)
    assert [page.body for page in reading.pages] == bodies * 2
    assert not reading.lost
    assert kinds(reading).count("zip") == 3  # before, between and after the archives


def test_a_record_can_be_read_again_from_the_wacz_by_its_span(packed, read):
    records = [record for record in read(packed).records if record.kind != "zip"]
    for record in records:
        (again,) = read(packed[record.offset : record.offset + record.length]).records
        assert (again.record_id, again.block) == (record.record_id, record.block)


@pytest.mark.parametrize("container", ["plain", "gzip", "zstd", "one gzip", "one zstd"])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_every_container_in_it(container, method, archives, bodies, read):
    name = {"plain": "a.warc", "zstd": "a.warc.zst", "one zstd": "a.warc.zst"}.get(container, "a.warc.gz")
    reading = read(wacz({name: b"".join(archives[container])}, method))
    assert [page.body for page in reading.pages] == bodies
    assert not reading.lost
    assert len({record.offset for record in reading.records}) == len(reading.records)


def test_a_zip_without_archives_is_one_unreadable_span(read):
    data = wacz({})
    reading = read(data)
    assert [(span.offset, span.length) for span in reading.lost] == [(0, len(data))]
    assert "ZIP" in reading.lost[0].cause


def test_parts_that_cannot_be_read_cost_only_themselves(archives, bodies, read):
    plain = b"".join(archives["plain"])
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        packed.writestr("archive/a.warc", plain, zipfile.ZIP_BZIP2)
        packed.writestr("archive/b.warc", plain)
        packed.writestr("archive/empty.warc", b"")
    reading = read(stream.getvalue())
    assert [page.body for page in reading.pages] == bodies
    assert [span.cause for span in reading.lost] == ["archive/a.warc is compressed by ZIP method 12, which is not read"]


def test_without_its_directory_the_records_are_found_all_the_same(packed, archives, bodies, read):
    reading = read(packed[: packed.index(b"PK\x01\x02") + 10])
    assert reading.reader.format == "warc"
    assert [page.body for page in reading.pages] == bodies
    assert reading.lost


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_plain_archive_without_digests_is_checked_by_the_zip(method, read):
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>word</p>"
    head = b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/\r\nContent-Length: %d\r\n\r\n"
    data = wacz({"a.warc": (head % len(block) + block + b"\r\n\r\n") * 2}, method)
    assert len(read(data).pages) == 2
    if method == zipfile.ZIP_STORED:
        damaged = data.replace(b"word", b"w0rd", 1)
    else:
        entry = data.index(b"archive/a.warc", data.index(b"PK\x01\x02"))
        crc = struct.pack("<I", struct.unpack("<I", data[entry - 30 : entry - 26])[0] ^ 1)
        damaged = data[: entry - 30] + crc + data[entry - 26 :]
    reading = read(damaged)
    assert not reading.pages
    assert "checksum" in reading.lost[0].cause


@st.composite
def faults(draw):
    return draw(st.floats(0, 1, exclude_max=True)), draw(st.integers(0, 2000)), draw(st.binary(max_size=50))


@given(fault=faults())
@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_anywhere_passes_nothing_on_and_costs_only_what_it_hit(fault, packed, archives, bodies, read):
    place, size, filler = fault
    at = int(place * len(packed))
    reading = read(packed[:at] + filler + packed[at + size :])
    assert {page.body for page in reading.pages} <= set(bodies)
    if reading.reader.format != "wacz":  # without a directory only one kind of container is found
        return
    hit = [
        record
        for record in read(packed).records
        if record.kind != "zip" and record.offset <= at + size and at <= record.offset + record.length
    ]
    whole = 2 * len(archives["plain"])
    assert sum(record.kind != "zip" for record in reading.records) >= whole - len(hit)
