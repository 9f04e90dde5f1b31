"""A small snapshot in Common Crawl's layout: archives, their lists, the columnar index, all made here by warcio."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
from warcio.archiveiterator import ArchiveIterator

from tests.flows.archives import article, page, write_warc

SNAPSHOT = "CC-MAIN-2026-05"
SNAPSHOTS = ("CC-MAIN-2026-09", "CC-MAIN-2026-05", "CC-MAIN-2025-51", "CC-MAIN-2025-47")
GERMAN = "Das Amt ist am Montag und am Dienstag geöffnet, am Mittwoch aber nur nach Absprache. " * 12
COLUMNS = pa.schema(
    [
        *((name, pa.string()) for name in ("url_surtkey", "url", "url_host_name", "url_host_tld")),
        ("url_host_registered_domain", pa.string()),
        ("fetch_time", pa.timestamp("ms", tz="UTC")),
        ("fetch_status", pa.int16()),
        *((name, pa.string()) for name in ("content_digest", "content_mime_type", "content_mime_detected")),
        *((name, pa.string()) for name in ("content_charset", "content_languages", "warc_filename")),
        ("warc_record_offset", pa.int32()),
        ("warc_record_length", pa.int32()),
        ("warc_segment", pa.string()),
    ]
)


def make_crawl(folder: Path, archives: int = 3, pages: int = 8, parts: int = 2) -> Path:
    """The layout below `folder`: what a web server, a bucket or a mirror would have."""
    listed = []
    rows: list[dict[str, Any]] = []
    for number in range(archives):
        path = f"crawl-data/{SNAPSHOT}/segments/17{number}/warc/CC-MAIN-20260101-{number:05}.warc.gz"
        file = folder / path
        file.parent.mkdir(parents=True)
        write_warc(file, _pages(number, pages))
        listed.append(path)
        rows += _index_rows(file, path)
    (folder / "collinfo.json").write_text(json.dumps([{"id": name} for name in SNAPSHOTS]))
    _write_list(folder / f"crawl-data/{SNAPSHOT}/warc.paths.gz", listed)
    _write_list(folder / f"crawl-data/{SNAPSHOT}/cc-index-table.paths.gz", _write_index(folder, rows, parts))
    return folder


def _pages(number: int, count: int) -> dict[str, bytes]:
    """English articles of two hosts, one article that every archive has, one German page, one that is no page."""
    pages = {f"http://h{number}.example.org/{n}": page(article(100 * number + n)) for n in range(count // 2)}
    pages |= {f"http://www.shop.test/{number}/{n}": page(article(100 * number + 50 + n)) for n in range(count // 2)}
    pages["http://copy.test/same"] = page(article(7))
    pages[f"http://intl{number}.test/de"] = page(GERMAN + str(number))
    pages[f"http://gone{number}.test/"] = page("404: there is nothing here.")
    return pages


def _index_rows(file: Path, path: str) -> list[dict[str, Any]]:
    rows = []
    with file.open("rb") as stream:
        records = ArchiveIterator(stream)
        for record in records:
            kind, url = record.rec_type, record.rec_headers.get_header("WARC-Target-URI")
            digest = record.rec_headers.get_header("WARC-Payload-Digest")
            record.content_stream().read()
            offset, length = records.get_record_offset(), records.get_record_length()
            if kind == "response":
                rows.append(_row(url, digest, path, offset, length))
    return rows


def _row(url: str, digest: str, path: str, offset: int, length: int) -> dict[str, Any]:
    host = urlsplit(url).hostname or ""
    key = ",".join(reversed(host.removeprefix("www.").split(".")))
    return {
        "url_surtkey": f"{key}){urlsplit(url).path}",
        "url": url,
        "url_host_name": host,
        "url_host_tld": host.rpartition(".")[2],
        "url_host_registered_domain": ".".join(host.split(".")[-2:]),
        "fetch_time": 1_767_225_600_000,
        "fetch_status": 404 if host.startswith("gone") else 200,
        "content_digest": digest.partition(":")[2],
        "content_mime_type": "text/html",
        "content_mime_detected": "text/html",
        "content_charset": "UTF-8",
        "content_languages": "deu,eng" if host.startswith("intl") else "eng",
        "warc_filename": path,
        "warc_record_offset": offset,
        "warc_record_length": length,
        "warc_segment": path.split("/")[3],
    }


def _write_index(folder: Path, rows: list[dict[str, Any]], parts: int) -> list[str]:
    """Files sorted by key, as Common Crawl cuts them; and one of another subset, which is not to be read."""
    rows = sorted(rows, key=lambda row: str(row["url_surtkey"]))
    step = -(-len(rows) // parts)
    listed = [_write_part(folder, "warc", n, rows[n * step : (n + 1) * step]) for n in range(parts)]
    return [_write_part(folder, "robotstxt", 0, rows[:3]), *listed]


def _write_part(folder: Path, subset: str, number: int, rows: list[dict[str, Any]]) -> str:
    path = f"cc-index/table/cc-main/warc/crawl={SNAPSHOT}/subset={subset}/part-{number:05}.c000.gz.parquet"
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, COLUMNS), folder / path, compression="gzip", row_group_size=10)
    return path


def _write_list(file: Path, paths: list[str]) -> None:
    file.write_bytes(gzip.compress("".join(f"{path}\n" for path in paths).encode(), mtime=0))
