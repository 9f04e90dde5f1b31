"""Whatever an archive holds, reading it takes bounded memory: bombs and giants, each in a process of its own."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import brotli
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[3]
READ = """
import re, sys
from collections import Counter
from pathlib import Path
from pipeline.archive.config import ArchiveConfig
from pipeline.archive.page import to_page
from pipeline.archive.reader import read_archive
from pipeline.archive.records import Record
path = Path(sys.argv[1])
size = path.stat().st_size
found = Counter()
spans = 0
with path.open("rb") as stream:
    reader = read_archive(stream, "test", size, ArchiveConfig(max_record_bytes=8 << 20))
    for item in reader:
        page = to_page(item, ArchiveConfig(max_record_bytes=8 << 20)) if isinstance(item, Record) else item
        found[getattr(page, "reason", type(page).__name__)] += 1
        spans += item.length
assert spans == reader.stream_bytes
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
print(peak // 1024, *sorted(found))
"""
HTML = b"<html><p>A page after what was too large.</p></html>"
MEGABYTE = bytes(1 << 20)
LIMIT_MB = 400  # at 8 MiB a record; a case read as a whole would take more


def record(block_bytes: int, kind: str = "response") -> bytes:
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: http://a.example/\r\nContent-Length: {block_bytes}\r\n\r\n"
    )
    return head.encode()


def sound(encoding: str = "", body: bytes = HTML) -> bytes:
    field = f"Content-Encoding: {encoding}\r\n" if encoding else ""
    block = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n{field}\r\n".encode() + body
    return record(len(block)) + block + b"\r\n\r\n"


def giant(megabytes: int) -> Iterator[bytes]:
    yield record(megabytes << 20)
    yield from [MEGABYTE] * megabytes
    yield b"\r\n\r\n"


def deflated(pieces: Iterator[bytes], bits: int = 31) -> bytes:
    packer = zlib.compressobj(1, wbits=bits)
    return b"".join(map(packer.compress, pieces)) + packer.flush()


def bomb(megabytes: int) -> bytes:
    return deflated(iter([MEGABYTE] * megabytes))


def brotli_bomb() -> bytes:
    packer = brotli.Compressor(quality=1, lgwin=24)
    return b"".join(packer.process(MEGABYTE) for _ in range(300)) + packer.finish()


def repeated_value(rows: int) -> bytes:
    """A Parquet file of a few hundred bytes whose rows are all the same 4 MB."""
    value = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), ["a" * (4 << 20)])
    return parquet(pa.table({"text": value}), dictionary_pagesize_limit=1 << 30)


def parquet(table: pa.Table, **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", **options)
    return sink.getvalue().to_pybytes()


AFTER = gzip.compress(sound(), mtime=0)
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "a giant record": (lambda: b"".join(giant(300)) + sound(), "Page too_large"),
    "a bomb in a member": (lambda: deflated(giant(300)) + AFTER, "Page too_large"),
    "a body that is a bomb": (lambda: sound("gzip", bomb(300)) + sound(), "Page too_large"),
    "bombs in bombs": (lambda: sound("gzip, gzip", gzip.compress(bomb(300))) + sound(), "Page too_large"),
    "a brotli bomb": (lambda: sound("br", brotli_bomb()) + sound(), "Page too_large"),
    "many values": (lambda: b'{"text": [' + b"{}," * 2_700_000 + b"{}]}\n" + b'{"text": "x"}', "Page no_text"),
    "a value repeated by a dictionary": (lambda: repeated_value(50_000), "Page Unreadable"),
    "rows of nothing": (lambda: parquet(pa.table({"text": pa.nulls(1_200_000, pa.string())})), "Unreadable"),
    "a line without end": (lambda: b'{"text": "x"}\n{"text": "' + b"a" * (200 << 20), "Page too_large"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_memory_stays_bounded(name, tmp_path):
    make, expected = HOSTILE[name]
    path = tmp_path / "hostile"
    path.write_bytes(make())
    run = subprocess.run(
        [sys.executable, "-c", READ, str(path)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert not run.returncode, run.stderr
    peak, *found = run.stdout.split()
    path.unlink()
    assert " ".join(found) == expected
    assert int(peak) < LIMIT_MB, f"{peak} MB"
