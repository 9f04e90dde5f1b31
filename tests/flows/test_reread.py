"""A record read again from its place is the one that reading the whole archive gives."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from flows import reread
from flows.reread import read_records
from pipeline.archive.config import ArchiveConfig
from pipeline.archive.page import to_page
from pipeline.archive.reader import read_archive
from pipeline.archive.records import Record
from storage.errors import ShardFailed, UserError
from tests.flows.archives import article, page, write_jsonl, write_warc

CONFIG = ArchiveConfig()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archives")
    write_warc(folder / "members.warc.gz", {f"http://h.test/{n}": page(article(n)) for n in range(12)})
    plain = gzip.decompress((folder / "members.warc.gz").read_bytes())
    (folder / "plain.warc").write_bytes(plain)
    (folder / "stream.warc.gz").write_bytes(gzip.compress(plain, mtime=0))
    members = (folder / "members.warc.gz").read_bytes().split(b"\x1f\x8b\x08")[1:]
    texts = [gzip.decompress(b"\x1f\x8b\x08" + member) for member in members]
    pairs = [gzip.compress(b"".join(texts[n : n + 2]), mtime=0) for n in range(8, len(texts), 2)]
    (folder / "pairs.warc.gz").write_bytes(b"".join([*(gzip.compress(t, mtime=0) for t in texts[:8]), *pairs]))
    write_jsonl(folder / "lines.jsonl.gz", [article(n) for n in range(5)])
    (folder / "lines.jsonl").write_bytes(gzip.decompress((folder / "lines.jsonl.gz").read_bytes()))
    return folder


def archive_of(path: Path) -> tuple[dict[str, Any], list[Record]]:
    """An archive's row as far as re-reading needs it, and its content records."""
    data = path.read_bytes()
    reader = read_archive(io.BytesIO(data), path.name, len(data), CONFIG)
    records = [item for item in reader if isinstance(item, Record) and item.kind in ("response", "text")]
    return {"uri": str(path), "archive": path.name, "offsets_in": reader.offsets_in}, records


def seen(records: Iterable[Record]) -> list[tuple[object, ...]]:
    """What a ledger row and a page are made of."""
    return [(r.offset, r.length, r.record_id, r.url, r.date, to_page(r, CONFIG)) for r in records]


NAMES = ("members.warc.gz", "plain.warc", "stream.warc.gz", "pairs.warc.gz", "lines.jsonl.gz", "lines.jsonl")


@pytest.mark.parametrize("name", NAMES)
def test_every_record_can_be_read_again_alone(name: str, folder: Path) -> None:
    archive, records = archive_of(folder / name)
    assert len(records) >= 5
    for record in records[::3]:
        assert seen(read_records(archive, [(record.offset, record.length)], CONFIG)) == seen([record])


@pytest.mark.parametrize("name", NAMES)
def test_several_come_in_the_order_of_their_offsets(name: str, folder: Path) -> None:
    archive, records = archive_of(folder / name)
    places = [(record.offset, record.length) for record in records]
    assert seen(read_records(archive, places[::-1], CONFIG)) == seen(records)
    assert list(read_records(archive, [], CONFIG)) == []


def test_records_that_lie_alone_are_fetched_by_their_range(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, records = archive_of(folder / "members.warc.gz")
    monkeypatch.setattr(reread, "_items", lambda *_: pytest.fail("the whole archive was opened"))
    assert seen(read_records(archive, [(records[7].offset, records[7].length)], CONFIG)) == seen([records[7]])


@pytest.mark.parametrize("shift", [-1, 1, 10**9])
def test_a_place_where_no_record_is_says_so(shift: int, folder: Path) -> None:
    archive, records = archive_of(folder / "members.warc.gz")
    with pytest.raises(ShardFailed):
        list(read_records(archive, [(records[3].offset + shift, records[3].length)], CONFIG))


def test_an_archive_that_is_gone_is_the_users_mistake(folder: Path) -> None:
    archive, records = archive_of(folder / "members.warc.gz")
    gone = archive | {"uri": str(folder / "gone.warc.gz")}
    with pytest.raises(UserError):
        list(read_records(gone, [(records[0].offset, records[0].length)], CONFIG))
