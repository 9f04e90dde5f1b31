"""The manifest: never wrong, at most behind; on a store it spares the listing; readers and writers do not meet."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

from storage import manifest
from storage.catalog import Catalog
from storage.lake import Lake
from storage.manifest import committed, rebuild, refresh
from tests.lakes import PageSpec, add_archive, add_example, add_run
from tests.storage.soak import soak

ANSWERS = ("FROM books ORDER BY ALL", "FROM funnel", "SELECT doc_id, fate FROM ledger ORDER BY ALL", "FROM examples")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """The example lake, with its manifest."""
    lake = Lake(str(tmp_path / "lake"))
    add_example(lake)
    refresh(lake)
    return lake


def names(lake: Lake) -> list[str]:
    return committed(lake)["archive"].to_pylist()


def answers(lake: Lake) -> list[Any]:
    return [Catalog(lake).query(statement).to_pylist() for statement in ANSWERS]


def test_it_says_what_the_rows_say(lake: Lake) -> None:
    with_it = committed(lake)
    shutil.rmtree(Path(lake.root, "manifest"))
    assert with_it.equals(committed(lake))
    assert with_it.drop_columns(["path"]).to_pylist() == lake.archive_rows()


def test_rows_that_come_and_go_are_seen_without_it_being_written(lake: Lake) -> None:
    before = Path(lake.absolute(manifest.PATH)).read_bytes()
    add_archive(lake, "c.warc.gz", [PageSpec("nine")])
    assert names(lake) == ["a.warc.gz", "c.warc.gz", "deep/b.warc.gz"]
    Path(lake.absolute(lake.archive_row_path("c1", "a.warc.gz", "a" * 16))).unlink()
    assert names(lake) == ["c.warc.gz", "deep/b.warc.gz"]
    assert Path(lake.absolute(manifest.PATH)).read_bytes() == before


def test_the_same_rows_give_the_same_bytes_and_nothing_new_writes_nothing(lake: Lake) -> None:
    path = Path(lake.absolute(manifest.PATH))
    written, data = path.stat().st_mtime_ns, path.read_bytes()
    assert refresh(lake) == 2 and path.stat().st_mtime_ns == written
    assert rebuild(lake) == 2 and path.read_bytes() == data


@pytest.mark.parametrize("damage", [b"", b"no parquet", b"PAR1"])
def test_a_damaged_one_is_passed_over_and_made_again(lake: Lake, damage: bytes) -> None:
    path = Path(lake.absolute(manifest.PATH))
    data = path.read_bytes()
    path.write_bytes(damage)
    assert names(lake) == ["a.warc.gz", "deep/b.warc.gz"]
    refresh(lake)
    assert path.read_bytes() == data


def test_an_old_lakes_rows_lack_columns_and_are_read(lake: Lake) -> None:
    add_archive(lake, "c.warc.gz", [PageSpec("nine")], selection=None)
    assert committed(lake)["selection"].to_pylist() == [None, None, None]


def test_views_made_on_the_spot_are_those_of_the_file(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    from_file = answers(lake)
    Path(lake.absolute("winnow.duckdb")).unlink()
    monkeypatch.setattr("storage.catalog._MOST_SPELT", 1)
    assert answers(lake) == from_file
    assert not Path(lake.absolute("winnow.duckdb")).exists()


def test_readers_see_no_lock_and_nothing_half_done_while_archives_come_in(tmp_path: Path) -> None:
    seen = soak(Lake(str(tmp_path / "lake")), seconds=4, readers=2)
    assert seen.errors == []
    assert seen.archives >= 2 and seen.queries >= 4


@pytest.fixture
def bucket(lake: Lake, tmp_path: Path) -> Iterator[Lake]:
    """The example lake in a bucket, with a manifest made there."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    known = dict(fsspec.config.conf)
    fsspec.config.conf["s3"] = {"endpoint_url": f"http://{host}:{port}", "key": "key", "secret": "secret"}
    store = fsspec.filesystem("s3")
    name = tmp_path.name.replace("_", "-")  # moto's servers share their buckets
    store.mkdir(name)
    remote = Lake(f"s3://{name}/a")
    store.put(lake.root, f"{name}/a", recursive=True)
    rebuild(remote)
    yield remote
    fsspec.config.conf.clear()
    fsspec.config.conf.update(known)
    fsspec.filesystem("s3", skip_instance_cache=True).clear_instance_cache()
    server.stop()


def test_on_a_store_planning_asks_for_no_archive(bucket: Lake, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    assert answers(bucket) == answers(lake)
    asked: Counter[str] = Counter()
    call = S3FileSystem._call_s3

    async def counted(self: S3FileSystem, method: str, *args: Any, **given: Any) -> Any:
        place = f"{given.get('Key', '')}{given.get('Prefix', '')}"
        asked["archives"] += "/archives/" in place
        asked["manifest"] += "/manifest/" in place
        asked["second"] += "/pages/" in place and "deep" in place
        return await call(self, method, *args, **given)

    monkeypatch.setattr(S3FileSystem, "_call_s3", counted)
    fsspec.filesystem("s3").invalidate_cache()
    Catalog(bucket).query("FROM ledger LIMIT 0")
    assert asked["archives"] == 0 and asked["manifest"] > 0
    assert asked["second"] == 0  # the first is asked for its columns, the others not even whether they are there


def test_on_a_store_a_new_run_is_noticed(bucket: Lake) -> None:
    add_archive(bucket, "c.warc.gz", [PageSpec("nine")])
    assert len(names(bucket)) == 2  # by no run: it counts from the next run on, or when the manifest is made anew
    add_run(bucket, "r2", [("annotate", "c1/c.warc.gz", "a" * 16)], age_hours=-1)
    assert len(names(bucket)) == 3
    refresh(bucket)
    assert len(names(bucket)) == 3
