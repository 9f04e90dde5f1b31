"""The demo's crawl: real HTTP, valid archives, everything planted is there, the same bytes every time."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from warcio.archiveiterator import ArchiveIterator

from flows.demo.config import DemoConfig
from flows.demo.crawl import MANIFEST, crawl_documentation
from flows.demo.hazards import TRAFFIC, gibberish
from flows.demo.site import Page, Site, VirtualHost
from flows.demo.written import Pages
from storage.errors import UserError

SMALL = DemoConfig(max_pages=640, shelf_modules=3, file_bytes=400_000, cut_last_record=False)


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A small crawl of every host."""
    return crawl_documentation(tmp_path_factory.mktemp("crawl"), SMALL)


@pytest.fixture(scope="module")
def responses(archives: list[Path]) -> dict[str, tuple[str, bytes, bytes]]:
    """URL to status, head and body as they were on the wire."""
    found = {}
    for path in archives:
        with path.open("rb") as file:
            for record in ArchiveIterator(file, no_record_parse=True):
                block = record.raw_stream.read()
                if record.rec_type == "response":
                    head, _, body = block.partition(b"\r\n\r\n")
                    found[record.rec_headers["WARC-Target-URI"]] = (head.split()[1].decode(), head, body)
    return found


def records(path: Path) -> list[tuple[str, dict[str, str]]]:
    found = []
    with path.open("rb") as file:
        for record in ArchiveIterator(file, check_digests="raise"):
            record.raw_stream.read()
            found.append((record.rec_type, {name.lower(): value for name, value in record.rec_headers.headers}))
    return found


def test_archives_are_valid_and_shaped_like_a_crawlers(archives: list[Path]) -> None:
    assert len(archives) > 2
    assert [path.name for path in archives] == sorted(path.name for path in archives)
    for path in archives:
        (kind, head), *rest = records(path)
        assert kind == "warcinfo" and head["warc-filename"] == path.name
        assert [kind for kind, _ in rest] == ["request", "response", "metadata"] * (len(rest) // 3)
        for request, response, metadata in zip(*[iter(headers for _, headers in rest)] * 3, strict=True):
            assert request["warc-concurrent-to"] == metadata["warc-concurrent-to"] == response["warc-record-id"]
            assert response["warc-payload-digest"].startswith("sha1:") and response["warc-ip-address"] == "127.0.0.1"


def test_record_ids_are_unique(archives: list[Path]) -> None:
    ids = [headers["warc-record-id"] for path in archives for _, headers in records(path)]
    assert len(ids) == len(set(ids))


def test_each_record_is_a_gzip_member_of_its_own(archives: list[Path]) -> None:
    data, members = archives[0].read_bytes(), 0
    while data:
        inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
        assert inflate.decompress(data).startswith(b"WARC/1.0\r\n")
        data, members = inflate.unused_data, members + 1
    assert members == len(records(archives[0]))


def test_files_are_cut_by_size(archives: list[Path]) -> None:
    sizes = [path.stat().st_size for path in archives]
    assert all(size >= SMALL.file_bytes for size in sizes[:-1])


def test_the_crawl_is_bounded_and_fair(responses: dict[str, tuple[str, bytes, bytes]]) -> None:
    assert len(responses) == SMALL.max_pages
    per_host = Counter(urlsplit(url).netloc for url in responses)
    assert len(per_host) == 16
    assert max(per_host.values()) < SMALL.max_pages // 5


def test_robots_are_asked_first_and_obeyed(responses: dict[str, tuple[str, bytes, bytes]]) -> None:
    first = [urlsplit(url).path for url in list(responses)[:16]]
    assert set(first) == {"/robots.txt"}
    assert not [url for url in responses if "/private/" in url]


def test_every_kind_of_traffic_was_met(responses: dict[str, tuple[str, bytes, bytes]]) -> None:
    assert {f"http://legacy.test{path}" for path in TRAFFIC} <= set(responses)
    statuses = {status for status, _, _ in responses.values()}
    assert {"200", "204", "301", "302", "403", "404", "410", "500"} <= statuses
    heads = b"\n".join(head for _, head, _ in responses.values())
    for header in (b"Transfer-Encoding: chunked", b"Content-Encoding: gzip", b"image/png", b"text/css"):
        assert header in heads


def test_codings_are_on_the_wire_as_declared(responses: dict[str, tuple[str, bytes, bytes]]) -> None:
    plain = responses["http://legacy.test/old.html"][2]
    assert gzip.decompress(responses["http://legacy.test/compressed.html"][2]) == plain
    chunked = responses["http://legacy.test/chunked.html"][2]
    assert chunked.endswith(b"0\r\n\r\n") and plain[:1000] in chunked
    assert responses["http://legacy.test/not-really-compressed.html"][2] == plain
    _, head, body = responses["http://legacy.test/interrupted.html"]
    assert f"Content-Length: {len(plain)}".encode() in head and len(body) < len(plain)


@pytest.mark.parametrize(
    ("url", "charset", "words"),
    [
        ("http://intl.test/ja/chawan.html", "shift_jis", "茶碗を焼く"),
        ("http://intl.test/de/handwerk.html", "iso-8859-1", "glüht der Ofen"),
        ("http://intl.test/ar/suq.html", "utf-8", "السوق القديم"),
        ("http://people.test/team/field-office.html", "utf-8", "jane.doe@mail.example.com"),
        ("http://people.test/tickets/1042.html", "utf-8", "219-09-9999"),
        ("http://math.test/notes/birthday.html", "utf-8", r"\frac{k}{365}"),
        ("http://forum.test/t/slow-laptop.html", "utf-8", "petra wrote:"),
        ("http://encyclopedia.test/wiki/Winnowing.html", "utf-8", "Winnowing is the separation of grain"),
        ("http://spam.test/lorem.html", "utf-8", "Lorem ipsum"),
    ],
)
def test_planted_pages(responses: dict[str, tuple[str, bytes, bytes]], url: str, charset: str, words: str) -> None:
    status, head, body = responses[url]
    assert status == "200" and f"charset={charset}".encode() in head
    assert words in body.decode(charset)


def test_the_mirror_says_the_same(responses: dict[str, tuple[str, bytes, bytes]]) -> None:
    bodies = {urlsplit(url).path: body for url, (_, _, body) in responses.items() if "mirror.test" in url}
    twins = [
        path
        for path, body in bodies.items()
        if responses.get(f"http://docs.python.test{path}", ("", b"", b""))[2] == body and path.count("/") == 2
    ]
    assert len(twins) > 3


def test_a_second_crawl_gives_the_same_bytes(archives: list[Path], tmp_path: Path) -> None:
    again = crawl_documentation(tmp_path, SMALL)
    assert [path.name for path in again] == [path.name for path in archives]
    assert all(one.read_bytes() == other.read_bytes() for one, other in zip(archives, again, strict=True))


TINY = DemoConfig(max_pages=60, file_bytes=10_000, cut_last_record=False)


def tiny_site(config: DemoConfig) -> Site:
    """Two hosts of pages that lead on to the next."""
    return Site([VirtualHost(f"{name}.test", name, (Pages(chain(name)),)) for name in ("one", "two")])


def chain(name: str) -> dict[str, Page]:
    paths = [f"/{number}.html" for number in range(50)]
    noise = [gibberish(f"{name} {path}", 300) for path in paths]
    return {path: Page(path, path, f"<p>{text}</p>") for path, text in zip(paths, noise, strict=True)}


def crawl_tiny(folder: Path, **changes: Any) -> list[Path]:
    return crawl_documentation(folder, TINY.model_copy(update=changes), build=tiny_site)


def test_a_finished_crawl_is_not_done_again(tmp_path: Path) -> None:
    paths = crawl_tiny(tmp_path)
    times = [path.stat().st_mtime_ns for path in paths]
    assert crawl_tiny(tmp_path) == paths
    assert [path.stat().st_mtime_ns for path in paths] == times


@pytest.mark.parametrize("harm", ["damaged", "missing", "no manifest"])
def test_an_unfinished_crawl_is_done_again_with_the_same_bytes(tmp_path: Path, harm: str) -> None:
    paths = crawl_tiny(tmp_path)
    before = [path.read_bytes() for path in paths]
    if harm == "damaged":
        paths[1].write_bytes(b"damaged")
    else:
        (paths[1] if harm == "missing" else tmp_path / MANIFEST).unlink()
    assert crawl_tiny(tmp_path) == paths
    assert [path.read_bytes() for path in paths] == before


def test_other_numbers_replace_the_crawl(tmp_path: Path) -> None:
    first = crawl_tiny(tmp_path)
    second = crawl_tiny(tmp_path, max_pages=20)
    assert 1 <= len(second) < len(first)
    assert sorted(tmp_path.iterdir()) == sorted([*second, tmp_path / MANIFEST])


def test_the_last_file_can_end_as_if_the_crawler_was_killed(tmp_path: Path) -> None:
    *whole, last = crawl_tiny(tmp_path, cut_last_record=True)
    assert all(gzip.decompress(path.read_bytes()) for path in whole)
    with pytest.raises(EOFError):
        gzip.decompress(last.read_bytes())


def test_progress_is_told_for_every_page(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    crawl_documentation(tmp_path, TINY, progress=lambda *numbers: told.append(numbers), build=tiny_site)
    assert told == [(number, 60) for number in range(1, 61)]


def test_depth_is_bounded(tmp_path: Path) -> None:
    (path,) = crawl_tiny(tmp_path, max_depth=0)
    urls = {headers.get("warc-target-uri") for kind, headers in records(path) if kind == "response"}
    assert urls == {f"http://{host}.test{path}" for host in ("one", "two") for path in ("/robots.txt", "/")}


def test_a_place_that_cannot_be_written_is_the_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError):
        crawl_tiny(tmp_path / "file")
