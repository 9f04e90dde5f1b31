"""Downloads: whole or not there; what was fetched is not fetched again."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from storage import downloads
from storage.downloads import download
from storage.errors import ShardFailed, Transient, UserError
from storage.web import Version, WebFile
from tests.storage.crawl_server import CrawlServer, Trouble, serving

CONTENT = random.Random(5).randbytes(200_000)


@pytest.fixture
def server(tmp_path: Path, pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> Iterator[CrawlServer]:
    monkeypatch.setattr(downloads, "_SYNC_BYTES", 50_000)
    folder = tmp_path / "web"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/a.warc.gz").write_bytes(CONTENT)
    with serving(folder) as server:
        yield server


def files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "kept").rglob("*") if path.is_file() and path.suffix != ".lock"]


def get(server: CrawlServer, tmp_path: Path, expected: Version | None = None) -> Path:
    return download(f"{server.url}deep/a.warc.gz", str(tmp_path / "kept"), expected)


def test_a_copy_is_whole_and_fetched_once(server: CrawlServer, tmp_path: Path) -> None:
    path = get(server, tmp_path)
    assert path.read_bytes() == CONTENT and files(tmp_path) == [path]
    asked = len(server.asked)
    assert get(server, tmp_path) == path
    assert get(server, tmp_path, Version(len(CONTENT), WebFile(f"{server.url}deep/a.warc.gz").version.etag)) == path
    assert len(server.asked) == asked + 1  # only the test itself asked


def test_what_was_cut_off_goes_on_from_what_is_safe_on_the_disk(server: CrawlServer, tmp_path: Path) -> None:
    server.fail("a.warc.gz", Trouble(), Trouble(cut=130_000), *[Trouble(drop=True)] * 5)
    with pytest.raises(Transient):
        get(server, tmp_path)
    [part] = files(tmp_path)
    assert part.suffix == ".part" and CONTENT.startswith(part.read_bytes())
    server.asked.clear()
    assert get(server, tmp_path).read_bytes() == CONTENT
    assert "bytes=100000-" in [asked for _, asked in server.asked] and "bytes=0-" not in [a for _, a in server.asked]
    assert len(files(tmp_path)) == 1


def test_a_part_of_another_version_is_not_gone_on_with(server: CrawlServer, tmp_path: Path) -> None:
    server.fail("a.warc.gz", Trouble(), Trouble(cut=130_000), *[Trouble(drop=True)] * 5)
    with pytest.raises(Transient):
        get(server, tmp_path)
    (server.folder / "deep/a.warc.gz").write_bytes(CONTENT[::-1])
    assert get(server, tmp_path).read_bytes() == CONTENT[::-1]


def test_a_file_that_changes_while_it_is_fetched_gives_no_copy(server: CrawlServer, tmp_path: Path) -> None:
    server.fail("a.warc.gz", Trouble(), Trouble(cut=130_000))
    server.always["a.warc.gz"] = Trouble(body=CONTENT[::-1])
    with pytest.raises(ShardFailed, match="not what it was"):
        get(server, tmp_path)
    assert all(path.suffix == ".part" for path in files(tmp_path))


def test_the_version_planned_with_is_the_one_given(server: CrawlServer, tmp_path: Path) -> None:
    old = WebFile(f"{server.url}deep/a.warc.gz").version
    first = get(server, tmp_path, old)
    (server.folder / "deep/a.warc.gz").write_bytes(CONTENT[::-1])
    new = WebFile(f"{server.url}deep/a.warc.gz").version
    second = get(server, tmp_path, new)
    assert (first.read_bytes(), second.read_bytes()) == (CONTENT, CONTENT[::-1])
    assert get(server, tmp_path, old) == first  # kept, though its server has it no more


def test_two_who_want_the_same_file_get_one_copy(server: CrawlServer, tmp_path: Path) -> None:
    found: list[Path] = []
    workers = [threading.Thread(target=lambda: found.append(get(server, tmp_path))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(set(found)) == 1 and found[0].read_bytes() == CONTENT
    assert [asked for _, asked in server.asked].count("bytes=0-") == 1


def test_a_missing_file_fails_alone_and_an_unwritable_directory_is_a_mistake(
    server: CrawlServer, tmp_path: Path
) -> None:
    with pytest.raises(ShardFailed, match="no file"):
        download(f"{server.url}nowhere", str(tmp_path / "kept"))
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="Cannot write"):
        download(f"{server.url}deep/a.warc.gz", str(tmp_path / "file" / "below"))


def test_what_a_download_goes_on_from_was_synced_however_the_pieces_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a power cut leaves of the file may be as long as what was written, and hold only what was synced."""
    monkeypatch.setattr(downloads, "_SYNC_BYTES", 50_000)
    part, synced, written, unsafe = tmp_path / "a.part", 0, 0, []
    starts: list[int] = []

    def note_sync(descriptor: int) -> None:
        nonlocal synced
        synced = os.fstat(descriptor).st_size

    class Pieces:
        def stream(self, start: int) -> Iterator[bytes]:
            nonlocal written
            starts.append(start)
            unsafe.append(start > synced)
            for place in range(start, len(CONTENT), 7_001):
                if place > start + 99_000:
                    raise Transient("cut")
                written = min(place + 7_001, len(CONTENT))
                yield CONTENT[place : place + 7_001]

    monkeypatch.setattr(os, "fsync", note_sync)
    while written < len(CONTENT):
        with suppress(Transient):
            downloads._fetch(Pieces(), part)  # type: ignore[arg-type]
    assert part.read_bytes() == CONTENT and len(starts) > 1 and not any(unsafe)


def test_a_copy_of_another_file_whose_name_begins_so_is_not_taken_for_it(server: CrawlServer, tmp_path: Path) -> None:
    (server.folder / "deep/a.warc").write_bytes(CONTENT[:1000])
    packed = get(server, tmp_path)
    plain = download(f"{server.url}deep/a.warc", str(tmp_path / "kept"))
    assert plain != packed and plain.read_bytes() == CONTENT[:1000]
