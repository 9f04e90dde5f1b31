from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from storage import inputs, remote
from storage.errors import Transient, UserError
from storage.inputs import expand_inputs
from storage.snapshots import Store
from storage.sources import Sample, Source, name_apart
from tests.storage.crawl_layout import make_crawl
from tests.storage.crawl_server import CrawlServer, Trouble, serving


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


def test_a_name_that_no_ledger_can_hold_is_told_before_anything_is_read(tmp_path: Path) -> None:
    os.close(os.open(os.fsencode(tmp_path) + b"/caf\xe9.warc", os.O_CREAT))
    for given in (str(tmp_path), os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.warc")):
        with pytest.raises(UserError, match="is not UTF-8"):
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


@pytest.fixture
def server(tmp_path: Path, pauses: list[float]) -> Iterator[CrawlServer]:
    with serving(make_crawl(tmp_path, archives=12, pages=0)) as server:
        yield server


def snapshot(server: CrawlServer, *inputs: str, sample: Sample | None = None) -> list[Source]:
    return expand_inputs(list(inputs), store=Store(server.url), sample=sample)


def test_a_snapshot_is_all_its_archives_or_the_one_of_a_number(server: CrawlServer) -> None:
    whole = snapshot(server, "CC-MAIN-2026-05")
    assert [source.uri for source in whole] == [f"{server.url}{source.path}" for source in whole]
    [second] = snapshot(server, "CC-MAIN-2026-05#1")
    assert (second.crawl, second.archive) == (
        "CC-MAIN-2026-05",
        "segments/171/warc/CC-MAIN-20260101-00001.warc.gz",
    )
    assert second in whole and len(whole) == 12
    assert not [path for path, _ in server.asked if path.endswith(".warc.gz")]  # 80,000 of them would take hours


def test_a_mirror_names_the_same_content(server: CrawlServer) -> None:
    here = snapshot(server, "CC-MAIN-2026-05#1")
    there = expand_inputs(["CC-MAIN-2026-05#1"], store=Store(str(server.folder)))
    assert here[0].uri != there[0].uri
    assert here[0].content == there[0].content


def test_a_snapshot_or_number_that_does_not_exist_is_a_users_mistake(server: CrawlServer) -> None:
    for given in ("CC-MAIN-2026-5", "cc-main-2026-05", "books=CC-MAIN-2026-06"):
        with pytest.raises(UserError, match=r"no snapshot .* did you mean .*CC-MAIN-2026-05"):
            snapshot(server, given)
    with pytest.raises(UserError, match="there is no #12"):
        snapshot(server, "CC-MAIN-2026-05#12")


def test_a_busy_store_is_waited_for_and_then_given_up_as_transient(server: CrawlServer) -> None:
    server.fail("warc.paths.gz", *[Trouble(status=503)] * 2)
    assert len(snapshot(server, "CC-MAIN-2026-05")) == 12
    server.always["warc.paths.gz"] = Trouble(status=503)
    with pytest.raises(Transient, match="busy"):
        snapshot(server, "CC-MAIN-2026-05")


def test_a_web_file_is_a_source_with_its_version_and_a_missing_one_a_mistake(server: CrawlServer) -> None:
    [listed] = snapshot(server, "CC-MAIN-2026-05#1")
    [source] = expand_inputs([listed.uri])
    assert source.size == (server.folder / str(listed.path)).stat().st_size
    assert source.etag and source.path is None and source.archive == "CC-MAIN-20260101-00001.warc.gz"
    with pytest.raises(UserError, match="no file"):
        expand_inputs([f"{server.url}nowhere.warc.gz"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("gopher://x/y", "Protocol not known"),
        ("http://", "names no host"),
        ("https:///x.warc.gz", "names no host"),
        ("https://exa mple/x.warc.gz", "leads nowhere"),
        ("https://[half/an/address.warc", "is no URL"),
        ("nosuch://bucket/*.warc.gz", "Protocol not known"),
    ],
)
def test_a_url_that_is_none_is_a_users_mistake(given: str, message: str, pauses: list[float]) -> None:
    with pytest.raises(UserError, match=message):
        expand_inputs([given])
    with pytest.raises(UserError):
        Store(given).paths("CC-MAIN-2026-05", "warc")
    assert pauses == []


def test_a_larger_sample_adds_archives_and_a_seed_draws_others(server: CrawlServer) -> None:
    def drawn(count: int, seed: int = 0) -> set[str]:
        return {source.archive for source in snapshot(server, "CC-MAIN-2026-05", sample=Sample(count, seed))}

    sizes = [len(drawn(count)) for count in (1, 5, 11, 12, 100)]
    assert sizes == [1, 5, 11, 12, 12]
    for seed in range(3):
        assert drawn(1, seed) < drawn(4, seed) < drawn(5, seed) < drawn(12, seed)
    assert len({frozenset(drawn(4, seed)) for seed in range(8)}) > 4


def test_a_sample_is_of_each_input_and_reads_no_other_file(
    folder: Path, server: CrawlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    digest = inputs.sha256_of
    monkeypatch.setattr(inputs, "sha256_of", lambda uri: (read.append(uri), digest(uri))[1])
    found = snapshot(server, "CC-MAIN-2026-05", str(folder), sample=Sample(2))
    assert [source.crawl for source in found] == ["CC-MAIN-2026-05"] * 2 + ["local"] * 2
    assert len(read) == 2


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


def test_a_dropped_connection_in_the_middle_costs_a_pause_not_a_byte(pauses: list[float]) -> None:
    stream = remote.RemoteStream("s3://x/y", Flaky())  # type: ignore[arg-type]
    assert stream.read(4) + stream.read(100) + stream.read(1) == b"0123456789"
    assert pauses == [1.0, 1.0, 1.0]
