"""Formats: WARC versions and habits, ARC, JSON lines, Parquet."""

from __future__ import annotations

import gzip
import io
import json
import uuid
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pipeline.archive.headers import parse_date, parse_record_id

HTTP = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><p>Hello</p></html>"


def warc(block: bytes, version: str = "1.0", line: bytes = b"\r\n", **fields: str) -> bytes:
    names = {"WARC-Type": "response", "WARC-Target-URI": "http://a.example/", **fields}
    lines = [
        f"WARC/{version}",
        *(f"{name}: {value}" for name, value in names.items()),
        f"Content-Length: {len(block)}",
    ]
    return line.join(text.encode() for text in lines) + line * 2 + block + b"\r\n\r\n"


@pytest.mark.parametrize("version", ["0.17", "0.18", "1.0", "1.1"])
@pytest.mark.parametrize("line", [b"\r\n", b"\n", b"\r\r\n"])
def test_warc_versions_and_line_ends(version, line, read):
    reading = read(warc(HTTP, version, line) * 2)
    assert [page.body for page in reading.pages] == [b"<html><p>Hello</p></html>"] * 2
    assert not reading.lost


def test_a_warc_header_is_read_as_written(read):
    fields = {
        "WARC-Record-ID": "<urn:uuid:7C1ADC7B-7F62-49C3-B3D3-42EE1C6345D6>",
        "WARC-Date": "2024-02-29T10:00:00.123456Z",
        "Warc-target-uri": "<http://B.example/a b>",
        "WARC-Folded": "one\r\n\ttwo",
    }
    data = warc(HTTP, **fields).replace(b"WARC-Target-URI: http://a.example/\r\n", b"")
    (record,) = read(data).records
    assert record.record_id == "7c1adc7b-7f62-49c3-b3d3-42ee1c6345d6"
    assert record.date == datetime(2024, 2, 29, 10, 0, 0, 123456, UTC)
    assert record.url == "http://B.example/a b"
    assert record.header.fields["warc-folded"] == "one two"


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2024", datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-02", datetime(2024, 2, 1, tzinfo=UTC)),
        ("2024-02-03", datetime(2024, 2, 3, tzinfo=UTC)),
        ("20240203040506", datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)),
        ("2024-02-03T04:05:06+01:00", datetime(2024, 2, 3, 3, 5, 6, tzinfo=UTC)),
        ("yesterday", None),
        ("99999999999999", None),
        ("0001-01-01T00:00:00+23:00", None),
        ("", None),
        (None, None),
    ],
)
def test_dates(text, date):
    assert parse_date(text) == date


def test_record_ids_that_are_no_uuid_get_one():
    assert parse_record_id("<urn:sha1:ABC>") == str(uuid.uuid5(uuid.NAMESPACE_URL, "<urn:sha1:ABC>"))
    assert parse_record_id(None) is None


ARC_HEAD = (
    b"filedesc://x.arc 0.0.0.0 20080430204825 text/plain 75\n1 0 Test Capture\n"
    b"URL IP-address Archive-date Content-type Archive-length\n\n\n"
)


def arc(url: str, block: bytes, extra: str = "") -> bytes:
    return f"{url} 10.0.0.1 20080430204825 text/html {extra}{len(block)}\n".encode() + block + b"\n"


def test_arc_with_spaces_in_a_url_dns_and_five_or_ten_fields(read):
    head = ARC_HEAD.replace(b" 75\n", b" %d\n" % (len(ARC_HEAD.split(b"\n", 1)[1]) - 1))
    data = head + arc("http://a.example/x y", HTTP) + arc("http://a.example/z", HTTP, "200 ABCDEF - 123 x.arc ")
    dns = arc("dns:a.example", b"20080430204825\na.example. A 10.0.0.1\n") + b"garbage\n"  # no end mark: cannot be told
    data += dns + arc("http://b.example/", HTTP)
    reading = read(data)
    assert reading.reader.format == "arc"
    assert [record.url for record in reading.records if record.kind == "response"] == [
        "http://a.example/x y",
        "http://a.example/z",
        "http://b.example/",
    ]
    assert [page.body for page in reading.pages] == [b"<html><p>Hello</p></html>"] * 3
    assert [span.length for span in reading.lost] == [len(dns)]


def test_an_arc_line_without_a_length_is_no_record(read):
    """`text/html5` ends in a digit, which is none of a length."""
    first, second, third = (arc(f"http://{name}.example/", HTTP) for name in "abc")
    for words in ("text/html5", "text html5"):
        line = f"http://d.example/ 10.0.0.1 20080430204825 {words}\n".encode()
        reading = read(first + second + line + third)
        assert [record.url for record in reading.records] == ["http://a.example/", "http://c.example/"]
        assert [span.length for span in reading.lost] == [len(second + line)]  # nothing marks where the second ends


LINES = [
    {"text": "first", "id": "a"},
    {"text": "second", "url": "http://b.example/x", "date": "2024-01-02"},
    {"text": "lone \ud800 and \0 nul"},
    {"other": 1},
    {"text": 5, "id": 7},
]


@pytest.mark.parametrize("compress", [bytes, gzip.compress, zstandard.compress])
def test_json_lines(compress, read):
    data = b"\n".join(json.dumps(line).encode() for line in LINES) + b'\n\n{"text": broken}\n[1]\n"x"\n{"text": "last"}'
    reading = read(compress(data))
    assert reading.reader.format == "jsonl"
    assert reading.reader.stream_bytes == len(data)
    assert [page.text for page in reading.pages] == ["first", "second", "lone \ufffd and  nul", "last"]
    assert [refusal.reason for refusal in reading.refusals] == ["no_text", "no_text"]
    assert [data[span.offset : span.offset + span.length] for span in reading.lost] == [b'{"text": broken}\n[1]\n"x"\n']
    assert reading.records[0].record_id == str(uuid.uuid5(uuid.NAMESPACE_URL, "a"))
    assert reading.pages[1].host == "b.example"
    assert reading.records[1].date == datetime(2024, 1, 2, tzinfo=UTC)


def test_json_lines_under_another_key_and_over_the_limit(read):
    data = b'{"body": "kept"}\n{"body": "' + b"x" * 3_000_000 + b'"}\n{"body": "kept too"}\n'
    reading = read(data, text_field="body", max_record_bytes=1 << 20)
    assert [page.text for page in reading.pages] == ["kept", "kept too"]
    assert [refusal.reason for refusal in reading.refusals] == ["too_large"]


def test_a_json_line_of_too_many_values_is_not_parsed(read):
    """Each takes 64 bytes of memory and three of the line."""
    reading = read(b'{"text": [' + b"{}," * 4_100_000 + b'{}]}\n{"text": "kept"}')
    assert [page.text for page in reading.pages] == ["kept"]
    assert "too many values" in reading.lost[0].cause


def test_a_json_line_over_a_megabyte_is_read_whole(read):
    text = "word " * 700_000
    assert [page.text for page in read(json.dumps({"text": text}).encode()).pages] == [text]


def parquet(table: pa.Table, **options: object) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream, **options)
    return stream.getvalue()


def test_parquet(read):
    table = pa.table({"text": ["first", None, "third"], "id": [1, 2, 3], "unused": [0.0, 0.0, 0.0]})
    reading = read(parquet(table))
    assert reading.reader.format == "parquet"
    assert reading.reader.offsets_in == "rows"
    assert reading.reader.stream_bytes == 3
    assert [page.text for page in reading.pages] == ["first", "third"]
    assert [refusal.reason for refusal in reading.refusals] == ["no_text"]
    assert reading.records[2].record_id == str(uuid.uuid5(uuid.NAMESPACE_URL, "3"))


def test_parquet_without_the_column_says_which_there_are(read):
    reading = read(parquet(pa.table({"body": ["x", "y"]})))
    assert [(span.length, "'body'" in span.cause) for span in reading.lost] == [(2, True)]


@pytest.mark.parametrize(
    ("value", "kind", "date"),
    [
        (1_204_000_000_123_456_789, pa.timestamp("ns"), datetime(2008, 2, 26, 4, 26, 40, 123456, UTC)),
        (1_204_000_000_123_456_789, pa.timestamp("ns", "UTC"), datetime(2008, 2, 26, 4, 26, 40, 123456, UTC)),
        (1_204_000_000, pa.timestamp("s", "+01:00"), datetime(2008, 2, 26, 4, 26, 40, tzinfo=UTC)),
        (1 << 50, pa.timestamp("s"), None),
        (1_204_000_000, pa.timestamp("s", "Mars/Olympus"), None),
        (10**7, pa.date32(), None),
    ],
)
def test_a_date_that_python_has_no_value_for_costs_the_row_no_more_than_its_date(value, kind, date, read):
    reading = read(parquet(pa.table({"text": ["kept"], "timestamp": pa.array([value], kind)})))
    assert [page.text for page in reading.pages] == ["kept"]
    assert [record.date for record in reading.records] == [date]


def test_a_damaged_row_group_costs_its_rows(read):
    table = pa.table({"text": [f"row {i} " * 50 for i in range(300)]})
    data = bytearray(
        parquet(table, row_group_size=100, compression="none", write_page_checksum=True, use_dictionary=False)
    )
    data[data.index(b"row 150")] ^= 1
    reading = read(bytes(data))
    assert [(span.offset, span.length) for span in reading.lost] == [(100, 100)]
    assert [page.text for page in reading.pages] == table["text"].to_pylist()[:100] + table["text"].to_pylist()[200:]


def test_a_parquet_file_cut_short_is_unreadable_as_a_whole(read):
    data = parquet(pa.table({"text": ["x"]}))[:-9]
    reading = read(data)
    assert [(span.offset, span.length) for span in reading.lost] == [(0, len(data))]
