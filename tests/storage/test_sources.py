from __future__ import annotations

import gzip
import hashlib
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from storage import remote
from storage.errors import Transient, UserError
from storage.files import open_read
from storage.sources import Source, expand_inputs, name_apart


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory of archives, with things beside them that are none."""
    for name in ("b.warc.gz", "deep/a.warc", "deep/x.jsonl.zst", "README.md", "deep/notes.txt", ".a-1-2.tmp"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "in"


def archives(*inputs: str | Path) -> list[str]:
    return [source.archive for source in expand_inputs([str(given) for given in inputs])]


def test_a_directory_gives_its_archives_by_their_relative_path(folder: Path) -> None:
    sources = expand_inputs([str(folder)])
    assert [source.archive for source in sources] == ["b.warc.gz", "deep/a.warc", "deep/x.jsonl.zst"]
    first = sources[0]
    assert (first.crawl, first.domain, first.size) == ("local", "web", 9)
    assert first.sha256 == hashlib.sha256(b"b.warc.gz").hexdigest()


def test_a_file_named_outright_is_taken_whatever_its_name(folder: Path) -> None:
    assert archives(folder / "README.md") == ["README.md"]


def test_globs_go_deep_and_name_from_their_fixed_part(folder: Path) -> None:
    assert archives(folder / "**" / "*.warc*") == ["b.warc.gz", "deep/a.warc"]
    assert archives(folder / "de*" / "*.warc") == ["deep/a.warc"]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(folder: Path) -> None:
    (folder / "a[1].warc").write_text("x")
    assert archives(folder / "a[1].warc") == ["a[1].warc"]


def test_a_prefix_declares_the_domain(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [source] = expand_inputs([f"books={folder}/deep/*.zst"], crawl="library")
    assert (source.domain, source.crawl, source.archive) == ("books", "library", "x.jsonl.zst")
    monkeypatch.chdir(folder)
    (folder / "books=x.jsonl").write_text("x")
    [literal] = expand_inputs(["books=x.jsonl"])
    assert (literal.domain, literal.archive) == ("web", "books=x.jsonl")


def test_colliding_names_are_told_apart_by_the_directories_above_them(tmp_path: Path) -> None:
    paths = [tmp_path / name / "in" / "a.warc" for name in ("one", "two")]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.write_text("x")
    other = tmp_path / "other.warc"
    other.write_text("y")
    assert archives(*paths, other) == ["one/in/a.warc", "other.warc", "two/in/a.warc"]
    separately = [source for path in paths for source in expand_inputs([str(path)])]
    assert [source.archive for source in name_apart(separately)] == ["one/in/a.warc", "two/in/a.warc"]


def test_the_same_file_twice_is_one_archive_and_order_does_not_matter(folder: Path) -> None:
    given = [str(folder), str(folder / "deep" / ".." / "b.warc.gz"), f"code={folder}/b.warc.gz"]
    assert expand_inputs(given)[0].domain == "web"
    assert archives(*given) == archives(folder)
    assert archives(folder / "deep/a.warc", folder / "b.warc.gz") == archives(
        folder / "b.warc.gz", folder / "deep/a.warc"
    )


def test_the_same_name_in_two_crawls_is_no_collision(folder: Path) -> None:
    one = expand_inputs([str(folder / "b.warc.gz")], crawl="c1")[0]
    two = Source(one.uri + "2", one.archive, "c2", "web", 1, None)
    assert [source.archive for source in name_apart([one, two])] == ["b.warc.gz", "b.warc.gz"]


@pytest.mark.parametrize("given", ["nowhere.warc", "nowhere/*.warc", "books=nowhere", "empty", "/proc/self/nowhere"])
def test_what_is_not_there_is_a_users_mistake_that_names_it(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkdir("empty")  # noqa: PTH102
    with pytest.raises(UserError, match=given.partition("=")[2] or given.replace("*", r"\*")):
        expand_inputs([given])


def test_stores_are_listed_as_directories_are() -> None:
    store = fsspec.filesystem("memory")
    for name in ("b.warc.gz", "deep/a.warc", "README"):
        store.pipe_file(f"/bucket/in/{name}", b"12345")
    assert archives("memory://bucket/in/") == ["b.warc.gz", "deep/a.warc"]
    assert archives("memory://bucket/in/*.gz") == ["b.warc.gz"]
    [source] = expand_inputs(["memory://bucket/in/deep/a.warc"])
    assert (source.archive, source.size, source.sha256) == ("a.warc", 5, None)
    with pytest.raises(UserError, match="no archive at memory://bucket/none/"):
        expand_inputs(["memory://bucket/none/"])
    store.store.clear()


class Crawl(BaseHTTPRequestHandler):
    """A web server with one snapshot, busy for as many requests as it is told."""

    busy = 0
    paths = (
        "crawl-data/CC-MAIN-2026-05/segments/1/warc/x-0.warc.gz",
        "crawl-data/CC-MAIN-2026-05/segments/1/warc/x-1.warc.gz",
    )

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        if Crawl.busy:
            Crawl.busy -= 1
            self.send_error(503)
            return
        if self.path != "/crawl-data/CC-MAIN-2026-05/warc.paths.gz":
            self.send_error(404)
            return
        data = gzip.compress("\n".join(self.paths).encode())
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def base_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A loopback server; pauses between attempts are short."""
    monkeypatch.setattr(remote.time, "sleep", lambda seconds: None)
    Crawl.busy = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Crawl) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_snapshot_is_all_its_archives_or_the_one_of_a_number(base_url: str) -> None:
    whole = expand_inputs(["CC-MAIN-2026-05"], base_url=base_url)
    assert [source.uri for source in whole] == [f"{base_url}/{path}" for path in Crawl.paths]
    [second] = expand_inputs(["CC-MAIN-2026-05#1"], base_url=base_url)
    assert (second.crawl, second.archive) == ("CC-MAIN-2026-05", "segments/1/warc/x-1.warc.gz")
    assert second == whole[1]


def test_a_snapshot_or_number_that_does_not_exist_is_a_users_mistake(base_url: str) -> None:
    with pytest.raises(UserError, match="no snapshot CC-MAIN-1999-01"):
        expand_inputs(["CC-MAIN-1999-01"], base_url=base_url)
    with pytest.raises(UserError, match="there is no #2"):
        expand_inputs(["CC-MAIN-2026-05#2"], base_url=base_url)


def test_a_busy_store_is_waited_for_and_then_given_up_as_transient(base_url: str) -> None:
    Crawl.busy = 2
    assert len(expand_inputs(["CC-MAIN-2026-05"], base_url=base_url)) == 2
    Crawl.busy = 1000
    with pytest.raises(Transient, match=r"Reading .* failed"):
        expand_inputs(["CC-MAIN-2026-05"], base_url=base_url)


def test_a_missing_page_is_not_asked_for_again(base_url: str) -> None:
    with pytest.raises(UserError, match="no file"):
        open_read(f"{base_url}/nowhere").read()


class Flaky:
    """A remote file whose first read after every seek fails."""

    def __init__(self) -> None:
        self.place, self.failed = 0, False

    def read(self, size: int) -> bytes:
        self.failed = not self.failed
        if self.failed:
            raise TimeoutError("dropped")
        start, self.place = self.place, min(self.place + size, 10)
        return b"0123456789"[start : self.place]

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        """Nothing to close."""


def test_a_dropped_connection_in_the_middle_costs_a_pause_not_a_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote.time, "sleep", lambda seconds: None)
    stream = remote.RemoteStream("s3://x/y", Flaky())  # type: ignore[arg-type]
    assert stream.read(4) + stream.read(100) + stream.read(1) == b"0123456789"
