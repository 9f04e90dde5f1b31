"""Snapshots by their lists, from a server, a directory or a bucket; a wrong name is told with the right one."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from storage.errors import UserError
from storage.snapshots import COMMON_CRAWL_LIST, Store, looks_like_snapshot, parse_snapshot
from tests.storage.crawl_layout import SNAPSHOT, make_crawl
from tests.storage.crawl_server import CrawlServer, Trouble, serving


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_crawl(tmp_path_factory.mktemp("crawl"), archives=2, pages=2)


@pytest.fixture
def server(crawl: Path, pauses: list[float]) -> Iterator[CrawlServer]:
    with serving(crawl) as server:
        yield server


def test_the_lists_are_the_same_from_a_server_a_directory_and_a_bucket(crawl: Path, server: CrawlServer) -> None:
    store = fsspec.filesystem("memory")
    for file in crawl.rglob("*.paths.gz"):
        store.pipe_file(f"/mirror/{file.relative_to(crawl)}", file.read_bytes())
    stores = [Store(server.url), Store(server.url.rstrip("/")), Store(str(crawl)), Store("memory://mirror")]
    lists = [store.paths(SNAPSHOT, "warc") for store in stores]
    assert lists[0] == lists[1] == lists[2] == lists[3]
    assert lists[0][0].startswith(f"crawl-data/{SNAPSHOT}/segments/170/warc/")
    assert all((crawl / path).is_file() for path in lists[0])
    store.store.clear()


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("CC-MAIN-2026-06", "did you mean CC-MAIN-2026-0"),
        ("CC-MAIN-2062-05", "did you mean CC-MAIN-2026-05"),
        ("CC-MAIN-2025-5", "did you mean CC-MAIN-2025-51"),
    ],
)
def test_a_snapshot_that_is_not_listed_names_the_nearest_that_are(name: str, guess: str, server: CrawlServer) -> None:
    with pytest.raises(UserError, match=f"no snapshot {name}; {guess}"):
        Store(server.url).paths(name, "warc")


def test_a_name_like_none_of_them_is_told_the_newest(server: CrawlServer) -> None:
    (error,) = [Store(server.url).unknown("cc-main#")]
    assert "the newest are CC-MAIN-2026-09" in str(error)


def test_a_mirror_need_not_list_its_snapshots(server: CrawlServer) -> None:
    server.always["collinfo.json"] = Trouble(status=404)
    assert Store(server.url).paths(SNAPSHOT, "warc")
    with pytest.raises(UserError, match=r"no file .*warc\.paths\.gz"):
        Store(server.url).paths("CC-MAIN-2026-06", "warc")


def test_the_list_of_snapshots_may_lie_elsewhere(server: CrawlServer, tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(json.dumps([{"id": "CC-MAIN-1999-07"}]))
    with pytest.raises(UserError, match="did you mean CC-MAIN-1999-07"):
        Store(server.url, str(tmp_path / "list.json")).paths("CC-MAIN-1999-01", "warc")
    assert Store()._list() == COMMON_CRAWL_LIST  # Common Crawl's own lies on another host


@pytest.mark.parametrize(
    "body",
    [
        b"<html>welcome</html>",
        gzip.compress(b"crawl-data/x/1.warc.gz\n" * 50, mtime=0)[:-20],
        gzip.compress(b"\xff\xfe", mtime=0),
        b"",
        b"\x1f\x8b\x08\x00garbage",
    ],
)
def test_what_is_no_list_of_archives_is_never_taken_for_one(body: bytes, server: CrawlServer) -> None:
    server.always["warc.paths.gz"] = Trouble(body=body)
    with pytest.raises(UserError, match=r"warc\.paths\.gz"):
        Store(server.url).paths(SNAPSHOT, "warc")


def test_a_list_that_was_unpacked_on_the_way_is_read(crawl: Path, server: CrawlServer) -> None:
    listed = Store(server.url).paths(SNAPSHOT, "warc")
    plain = gzip.decompress((crawl / f"crawl-data/{SNAPSHOT}/warc.paths.gz").read_bytes())
    server.always["warc.paths.gz"] = Trouble(body=plain)
    assert Store(server.url).paths(SNAPSHOT, "warc") == listed


@pytest.mark.parametrize(
    ("given", "parsed"),
    [
        ("CC-MAIN-2026-05", ("CC-MAIN-2026-05", None)),
        ("CC-MAIN-2026-05#3", ("CC-MAIN-2026-05", 3)),
        ("CC-MAIN-2008-2009", ("CC-MAIN-2008-2009", None)),
        ("CC-MAIN-2012", ("CC-MAIN-2012", None)),
        ("CC-MAIN-2026-05#", None),
        ("cc-main-2026-05", None),
        ("CC-MAIN-2026-5", None),
        ("crawl/CC-MAIN-2026-05", None),
    ],
)
def test_names(given: str, parsed: tuple[str, int | None] | None) -> None:
    assert parse_snapshot(given) == parsed
    assert looks_like_snapshot(given) == ("/" not in given)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("CC-MAIN-2026-O5", True),
        ("ccmain2026", True),
        ("CC-MAIN-2026-05.warc.gz", False),
        ("cc-main", False),
        ("my-CC-MAIN-2026-05", False),
    ],
)
def test_what_is_meant_as_a_name_and_what_as_a_file(given: str, meant: bool) -> None:
    assert looks_like_snapshot(given) == meant
