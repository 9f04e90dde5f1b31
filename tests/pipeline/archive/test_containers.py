"""Containers: members and frames, shared and single, dictionaries, bombs, padding."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest
import zstandard

from pipeline.archive.records import Record

SHARED = ["one gzip", "one zstd"]


@pytest.mark.parametrize("content", [b"one part of the text " * 20, b""])
def test_a_raw_dictionary_is_used(content, archives, bodies, read):
    """A dictionary without a dictionary's magic is a run of text that frames refer to."""
    text = content or archives["plain"][1]
    known = zstandard.ZstdCompressionDict(text, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    compressor = zstandard.ZstdCompressor(dict_data=known, write_checksum=True)
    head = b"\x5d\x2a\x4d\x18" + len(text).to_bytes(4, "little") + text
    reading = read(head + b"".join(map(compressor.compress, archives["plain"])))
    assert [page.body for page in reading.pages] == bodies
    assert not reading.lost


@pytest.mark.parametrize("container", ["plain", "gzip", "zstd", *SHARED])
def test_every_container_gives_the_same_records(container, archives, bodies, read):
    reading = read(b"".join(archives[container]))
    assert reading.reader.format == "warc"
    assert reading.reader.offsets_in == ("stream" if container in SHARED else "file")
    assert [page.body for page in reading.pages] == bodies
    assert [record.kind for record in reading.records[:3]] == ["warcinfo", "response", "request"]


@pytest.mark.parametrize("container", ["plain", "gzip", "zstd"])
def test_a_record_can_be_read_again_by_its_span(container, archives, read):
    data = b"".join(archives[container])
    for record in read(data).records:
        again = read(data[record.offset : record.offset + record.length]).records
        assert [(part.record_id, part.block) for part in again] == [(record.record_id, record.block)]


def test_records_that_cross_members_are_read_from_the_whole(archives, bodies, read):
    plain = b"".join(archives["plain"])
    pieces = [gzip.compress(plain[start : start + 700], mtime=0) for start in range(0, len(plain), 700)]
    reading = read(b"".join(pieces))
    assert reading.reader.offsets_in == "stream"
    assert reading.reader.stream_bytes == len(plain)
    assert [page.body for page in reading.pages] == bodies


def test_a_late_member_with_many_records_loses_none(archives, bodies, read):
    data = b"".join(archives["gzip"]) + archives["one gzip"][0]
    reading = read(data)
    assert reading.reader.offsets_in == "file"
    assert [page.body for page in reading.pages] == bodies * 2
    assert len({record.offset for record in reading.records}) == len(reading.records)


def test_a_warc_zst_dictionary_is_used(archives, bodies, read):
    plain = archives["plain"]
    dictionary = zstandard.train_dictionary(2000, plain * 20)
    compressor = zstandard.ZstdCompressor(dict_data=dictionary, write_checksum=True)
    frames = b"".join(compressor.compress(record) for record in plain)
    content = dictionary.as_bytes()
    for stored in (content, zstandard.ZstdCompressor().compress(content)):
        head = b"\x5d\x2a\x4d\x18" + len(stored).to_bytes(4, "little") + stored
        reading = read(head + frames)
        assert [page.body for page in reading.pages] == bodies
        assert not reading.lost


def test_a_stream_cut_where_a_line_ends_still_shows_that_its_end_is_gone(read):
    lines = b'{"text": "a line of text"}\n' * 5000
    data = gzip.compress(lines, compresslevel=0, mtime=0)
    cut = data[: data.rindex(b"\n", 0, len(data) // 2) + 1]
    reading = read(cut)
    assert len(reading.pages) > 1000
    assert [(span.offset, span.length) for span in reading.lost] == [(reading.reader.stream_bytes, 0)]


@pytest.mark.parametrize("padding", [b"", b"\r\n", b"\n\n\n", gzip.compress(b"", mtime=0)])
def test_padding_belongs_to_the_record_before(padding, archives, read):
    parts = archives["gzip"]
    reading = read(padding + padding.join(parts) + padding)
    assert not reading.lost
    assert [record.length for record in reading.records[1:]] == [len(part) + len(padding) for part in parts[1:]]


@pytest.mark.parametrize("data", [b"", gzip.compress(b"", mtime=0), zstandard.compress(b"")])
def test_an_empty_archive_has_nothing_in_it(data, read):
    reading = read(data)
    assert not reading.records
    assert reading.reader.format is None
    assert reading.reader.stream_bytes == len(data)


@pytest.mark.parametrize(
    "data", [b"hello\n" * 99, b"\x89PNG\r\n" + bytes(99), gzip.compress(b"text", mtime=0), b"PK\x03\x04"]
)
def test_what_is_no_archive_is_one_unreadable_span(data, read):
    reading = read(data)
    assert [(span.offset, span.length) for span in reading.lost] == [(0, len(data))]
    assert reading.lost[0].cause
    assert not reading.records


def bomb(megabytes: int) -> bytes:
    size = megabytes << 20
    head = b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.b/\r\nContent-Length: %d\r\n\r\n" % size
    return head + bytes(size) + b"\r\n\r\n"


@pytest.mark.parametrize("compress", [bytes, gzip.compress, zstandard.compress])
def test_a_giant_record_is_refused_in_bounded_memory(compress, archives, bodies, read):
    giant = compress(bomb(48))
    parts = archives["plain"] if compress is bytes else archives["gzip" if compress is gzip.compress else "zstd"]
    data = b"".join(parts[:3]) + giant + b"".join(parts[3:])
    tracemalloc.start()
    reading = read(data, max_record_bytes=1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [refusal.reason for refusal in reading.refusals] == ["too_large"]
    assert [page.body for page in reading.pages] == bodies
    assert not reading.lost
    assert peak < 90 << 20


def test_the_record_after_a_giant_one_starts_where_it_ends(archives, read):
    data = archives["plain"][0] + bomb(3) + archives["plain"][1]
    records = read(data, max_record_bytes=1 << 20).records
    assert [record.kind for record in records] == ["warcinfo", "response", "response"]
    assert isinstance(records[1], Record)
    assert records[1].problem
    assert records[1].block == b""
