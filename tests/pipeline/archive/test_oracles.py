"""Agreement with warcio and FastWARC: what they read of an undamaged file, we read with the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

BROKEN = {
    "HTTP204.warc",
    "broken.warc",
    "redirect.warc",
    "example-trunc.warc",
    "example-space-in-url.arc",
    "bad.arc",
    "example-wrong-chunks.warc.gz",
}
"""Lengths in them are wrong, or (the last) a record goes on in the next member: warcio cuts records short."""
LARGE = 3_000_000


def files(folder: Path) -> list[Path]:
    found = [path for path in sorted((folder / "warc").rglob("*")) if path.is_file() and path.suffix != ".wacz"]
    return [path for path in found if path.stat().st_size < LARGE and path.name not in BROKEN]


def read_with_warcio(path: Path) -> list[bytes]:
    blocks = []
    with path.open("rb") as stream:
        try:
            for record in ArchiveIterator(stream, no_record_parse=True):
                blocks.append(record.raw_stream.read())
        except Exception:  # it refuses what we read: whole-file gzip, damaged records
            return blocks
    return blocks


def read_with_fastwarc(path: Path) -> list[bytes]:
    fastwarc = pytest.importorskip("fastwarc.warc", reason="FastWARC, an independent reader, is not installed")
    blocks = []
    with path.open("rb") as stream:
        try:
            for record in fastwarc.ArchiveIterator(stream, parse_http=False):
                blocks.append(record.reader.read())
        except OSError:
            return blocks
    return blocks


@pytest.mark.parametrize("oracle", [read_with_warcio, read_with_fastwarc])
def test_agreement(oracle, shared_data, read):
    compared = 0
    for path in files(shared_data):
        theirs = oracle(path)
        reading = read(path.read_bytes())
        if oracle is read_with_warcio and reading.reader.format == "arc":
            theirs = theirs[1:]  # it takes the file's own header apart
        ours = [record.block for record in reading.records]
        missing = [block for block in theirs if block and block not in ours]
        assert len(missing) <= len(reading.lost), f"{path.name}: {len(missing)} records differ"
        compared += len(theirs) - len(missing)
    assert compared > 1500


def test_every_shared_file_is_accounted_for(shared_data, read):
    for path in sorted((shared_data / "warc").rglob("*")):
        if path.is_file() and path.stat().st_size < LARGE:
            reading = read(path.read_bytes())
            assert reading.items, path.name
            assert all(page.reason for page in reading.refusals)
