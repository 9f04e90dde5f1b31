"""Records to pages: HTTP, codings, digests, media types, and a reason for everything refused."""

from __future__ import annotations

import base64
import gzip
import hashlib
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipeline.archive.config import ArchiveConfig
from pipeline.archive.page import CONTENT_KINDS, REASONS, to_page
from pipeline.archive.records import KnownHeader, Page, Problem, Record, Refusal, Skip

HTML = b"<!DOCTYPE html><html><body><p>" + b"Some words of a page. " * 30 + b"</p></body></html>"


def response(body: bytes, *fields: str, status: str = "HTTP/1.1 200 OK", **headers: str) -> Record:
    lines = [status, *(fields or ("Content-Type: text/html",))]
    block = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    header = KnownHeader(None, "http://A.Example/x", None, names)
    return Record(0, len(block), "response", header, block, 0, len(block))


def altered(record: Record, kind: str, block: bytes | None = None, url: str | None = None, **headers: str) -> Record:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    block = record.block if block is None else block
    return Record(0, 1, kind, KnownHeader(None, url or record.url, None, names), block, 0, len(block))


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def chunked(data: bytes, size: int = 100, end: bytes = b"0\r\n\r\n") -> bytes:
    pieces = (data[i : i + size] for i in range(0, len(data), size))
    return b"".join(b"%x;ext=1\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + end


def judge(record: Record, **settings: object) -> Page | Refusal | Skip:
    return to_page(record, ArchiveConfig(**settings))  # type: ignore[arg-type]


CODED = {
    "gzip": gzip.compress(HTML, mtime=0),
    "x-gzip": gzip.compress(HTML[:99], mtime=0) + gzip.compress(HTML[99:], mtime=0) + b"trailing rubbish",
    "deflate": zlib.compress(HTML),
    "Deflate": raw_deflate(HTML),
    "br": brotli.compress(HTML),
    "zstd": zstandard.compress(HTML),
    "gzip, br": brotli.compress(gzip.compress(HTML, mtime=0)),
    "identity": HTML,
    "utf-8": HTML,
    "compress": HTML,
}


@pytest.mark.parametrize("name", CODED)
@pytest.mark.parametrize("chunks", [False, True])
def test_codings_are_undone(name, chunks):
    fields = ["Content-Type: text/html", f"Content-Encoding: {name}"]
    body = CODED[name]
    if chunks:
        fields.append("Transfer-Encoding: chunked")
        body = chunked(body, end=b"0\r\nTrailer: x\r\nOther: y\r\n\r\n")
    page = judge(response(body, *fields))
    assert isinstance(page, Page)
    assert page.body == HTML


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_a_body_that_only_claims_to_be_encoded_is_taken_as_it_is(name):
    page = judge(response(HTML, "Content-Type: text/html", f"Content-Encoding: {name}"))
    assert isinstance(page, Page)
    assert page.body == HTML


@pytest.mark.parametrize("name", ["gzip", "deflate", "Deflate", "br", "zstd"])
def test_a_coding_cut_short_or_damaged_is_refused(name):
    fields = ("Content-Type: text/html", f"Content-Encoding: {name}")
    cut = judge(response(CODED[name][:-12], *fields))
    assert isinstance(cut, Refusal)
    assert cut.reason == "truncated"
    unknown = judge(response(b"\x01\x02\x03" * 20, *fields))
    assert isinstance(unknown, Refusal)
    assert unknown.reason in ("content_encoding", "truncated")


def test_a_coded_bomb_is_refused():
    bomb = bytes(8 << 20)
    for name, body in {
        "gzip": gzip.compress(bomb),
        "br": brotli.compress(bomb),
        "deflate": zlib.compress(bomb),
    }.items():
        fields = ("Content-Type: text/html", f"Content-Encoding: {name}")
        refusal = judge(response(body, *fields), max_record_bytes=1 << 20)
        assert isinstance(refusal, Refusal)
        assert refusal.reason == "too_large"


CHUNKED = ("Content-Type: text/html", "Transfer-Encoding: chunked")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (HTML, None),
        (chunked(HTML, end=b""), "truncated"),
        (chunked(HTML)[:250], "truncated"),
        (chunked(HTML).replace(b"\r\n64;", b"\r\nzz;", 1), "chunked"),
        (chunked(HTML).replace(b"64;ext=1", b"60;ext=1", 1), "chunked"),
    ],
)
def test_chunks_that_do_not_add_up(body, reason):
    page = judge(response(body, *CHUNKED))
    assert (page.reason if isinstance(page, Refusal) else None) == reason
    assert not isinstance(page, Page) or page.body == HTML


@pytest.mark.parametrize(
    ("stated", "reason"), [(len(HTML), None), (5, None), ("x", None), (len(HTML) + 1, "truncated")]
)
def test_a_body_shorter_than_it_says_is_refused(stated, reason):
    page = judge(response(HTML, "Content-Type: text/html", f"Content-Length: {stated}"))
    assert (page.reason if isinstance(page, Refusal) else None) == reason


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("HTTP/1.0 200", None),
        ("HTTP/2 200 ", None),
        ("HTTP/1.1  203 Fine", None),
        ("HTTP/1.1 206 Partial Content", "http_status"),
        ("HTTP/1.1 301 Moved", "http_status"),
        ("HTTP/1.1 404", "http_status"),
        ("GET / HTTP/1.1", "http"),
        ("", "http"),
    ],
)
def test_status_lines(status, reason):
    page = judge(response(HTML, status=status))
    assert (page.reason if isinstance(page, Refusal) else None) == reason


@pytest.mark.parametrize(
    ("body", "fields", "headers", "mime"),
    [
        (HTML, ["Content-Type: TEXT/HTML; charset=x"], {}, "text/html"),
        (HTML, ["X: y"], {}, "text/html"),
        (HTML, ["Content-Type: application/octet-stream"], {}, "text/html"),
        (b"\xef\xbb\xbf  \n<!-- c --><html>", ["X: y"], {}, "text/html"),
        (b'<?xml version="1.0"?><html xmlns="x">', ["X: y"], {}, "application/xhtml+xml"),
        (b"just words", ["X: y"], {}, "text/plain"),
        (HTML, ["Content-Type: image/png"], {"warc_identified_payload_type": "text/html"}, "text/html"),
        (HTML, ["Content-Type: application/json"], {}, None),
        (b"%PDF-1.4 x", ["Content-Type: text/html"], {}, None),
        (b"\x00\x01\x02", ["X: y"], {}, None),
        (
            b'{"a": 1}',
            ["Content-Type: text/html"],
            {"warc_identified_payload_type": "application/json"},
            None,
        ),
    ],
)
def test_media_types(body, fields, headers, mime):
    page = judge(response(body, *fields, **headers))
    if mime is None:
        assert isinstance(page, Refusal)
        assert page.reason == "mime"
    else:
        assert isinstance(page, Page)
        assert page.mime == mime


def digests(data: bytes) -> list[str]:
    sha1, sha256 = hashlib.sha1(data).digest(), hashlib.sha256(data).digest()
    return [
        "sha1:" + base64.b32encode(sha1).decode(),
        "SHA-1:" + sha1.hex().upper(),
        "sha256:" + base64.b32encode(sha256).decode().rstrip("=").lower(),
        "sha-256:" + sha256.hex(),
        "sha256:" + base64.b64encode(sha256).decode(),
        "md5:" + hashlib.md5(data).hexdigest(),
        "md5:" + base64.b32encode(hashlib.md5(data).digest()).decode(),
    ]


def reason(page: Page | Refusal | Skip) -> str | None:
    return page.reason if isinstance(page, Refusal) else None


def test_a_block_digest_decides():
    block = response(HTML).block
    for right, wrong in zip(digests(block), digests(b"other"), strict=True):
        assert reason(judge(response(HTML, warc_block_digest=right, warc_payload_digest=wrong))) is None
        assert reason(judge(response(HTML, warc_block_digest=wrong))) == "digest"
        assert reason(judge(response(HTML, warc_block_digest=wrong), verify_digests=False)) is None


def test_a_payload_digest_may_be_of_the_body_as_sent_without_chunks_or_decoded():
    sent = chunked(CODED["gzip"])
    fields = (*CHUNKED, "Content-Encoding: gzip")
    for payload in (sent, CODED["gzip"], HTML):
        for right, wrong in zip(digests(payload), digests(b"other"), strict=True):
            assert reason(judge(response(sent, *fields, warc_payload_digest=right))) is None
            assert reason(judge(response(sent, *fields, warc_payload_digest=wrong))) == "digest"


@pytest.mark.parametrize("stated", ["sha1:short", "crc32:abcd", "nonsense", "sha1:" + "?" * 32])
def test_a_digest_that_cannot_be_checked_refuses_nothing(stated):
    assert reason(judge(response(HTML, warc_block_digest=stated))) is None


def test_kinds():
    page = response(HTML)
    repeats = {"warc_refers_to_target_uri": "http://o.example/", "warc_refers_to_date": "2020-01-01"}
    revisit = judge(altered(page, "revisit", **repeats))
    assert revisit == Refusal("revisit", "repeats http://o.example/ of 2020-01-01", page.url, "a.example")
    assert reason(judge(altered(page, "response", warc_truncated="length"))) == "truncated"
    assert reason(judge(altered(page, "response", warc_segment_number="1"))) == "segmented"
    assert reason(judge(page._replace(problem=Problem("too_large", "x")))) == "too_large"
    for kind in ("request", "metadata", "warcinfo", "", "x-new"):
        assert judge(page._replace(kind=kind)) == Skip(kind or "unknown")
    log = altered(page, "resource", b"log", "metadata://gnu.org/software/wget/warc/wget.log")
    assert judge(log) == Skip("metadata")
    text = judge(altered(page, "conversion", b"W\xc3\xb6rter\0 \xff", content_type="text/plain"))
    assert isinstance(text, Page)
    assert text.text == "Wörter \ufffd"
    html = judge(altered(page, "resource", HTML, content_type="text/html"))
    assert isinstance(html, Page)
    assert (html.text, html.body, html.http_status) == (None, HTML, None)


@given(
    block=st.binary(max_size=300) | st.binary(max_size=200).map(lambda data: b"HTTP/1.1 200 OK\r\n" + data),
    kind=st.sampled_from(CONTENT_KINDS[:-1]),
    url=st.none() | st.text(max_size=30) | st.just("http://[bad"),
    fields=st.dictionaries(
        st.sampled_from(["content-type", "warc-block-digest", "warc-payload-digest", "warc-truncated"]),
        st.text(max_size=30),
    ),
)
def test_no_record_makes_it_raise(block, kind, url, fields):
    page = to_page(Record(0, 1, kind, KnownHeader(None, url, None, fields), block, 0, len(block)))
    assert not isinstance(page, Refusal) or page.reason in REASONS
