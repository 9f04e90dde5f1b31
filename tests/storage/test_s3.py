"""S3, against a local server that speaks it: archives, ranges, snapshots and their index, and changed objects."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import aiohttp
import fsspec
import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from moto.server import ThreadedMotoServer

from storage import index
from storage.catalog import Catalog
from storage.errors import ShardFailed, Transient, UserError
from storage.excerpts import excerpt_ranges, excerpts_of
from storage.exclusive import create_new, read_now
from storage.files import write_errors
from storage.index_config import IndexConfig
from storage.inputs import expand_inputs
from storage.lake import Lake
from storage.lease import CORPUS, Fence, LeaseBusy, LeaseLost, committing, hold
from storage.ranges import read_ranges
from storage.remote import open_version, read_errors, version_of
from storage.snapshots import Store
from tests.storage.crawl_layout import SNAPSHOT, make_crawl

CONTENT = random.Random(11).randbytes(100_000)


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """An empty bucket on this machine; s3fs is told of its server as users do, by fsspec's configuration."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    known = dict(fsspec.config.conf)
    fsspec.config.conf["s3"] = {"endpoint_url": f"http://{host}:{port}", "key": "key", "secret": "secret"}
    fsspec.filesystem("s3").mkdir("crawl")
    yield "s3://crawl"
    fsspec.config.conf.clear()
    fsspec.config.conf.update(known)
    fsspec.filesystem("s3", skip_instance_cache=True).clear_instance_cache()
    server.stop()


def put(uri: str, data: bytes) -> str:
    fsspec.filesystem("s3").pipe_file(uri, data)
    return uri


@pytest.mark.parametrize("guarded", [read_errors, write_errors])
def test_what_the_stores_client_says_is_told_in_a_sentence(
    guarded: Callable[[str], AbstractContextManager[None]],
) -> None:
    with pytest.raises(Transient, match="gs://b/x cannot be reached: Server disconnected"), guarded("gs://b/x"):
        raise aiohttp.ServerDisconnectedError  # what Google's and Azure's clients let through
    message = r"s3://b/x cannot be reached: Unable to locate credentials.*AWS_ACCESS_KEY_ID"
    with pytest.raises(UserError, match=message), guarded("s3://b/x"):
        raise NoCredentialsError
    with pytest.raises(Transient, match="Could not connect to the endpoint"), guarded("s3://b/x"):
        raise EndpointConnectionError(endpoint_url="https://b.test/x")
    for said in (
        ValueError("Invalid endpoint: 127.0.0.1:9000"),
        ValueError("Protocol not known: s4"),
        ImportError("x"),
    ):
        with pytest.raises(UserError, match=f"cannot be reached: {said}"), guarded("s3://b/x"):
            raise said
    with pytest.raises(ZeroDivisionError), guarded("s3://b/x"):
        raise ZeroDivisionError


def test_objects_are_sources_by_name_prefix_and_glob(bucket: str) -> None:
    uri = put(f"{bucket}/in/deep/a.warc.gz", CONTENT)
    for given in (uri, f"{bucket}/in/", f"{bucket}/in/**/*.gz"):
        [source] = expand_inputs([given])
        assert (source.uri, source.size) == (uri, len(CONTENT)) and source.etag
    with pytest.raises(UserError, match="no file"):
        expand_inputs([f"{bucket}/in/none.warc.gz"])
    with pytest.raises(UserError, match="no archive"):
        expand_inputs([f"{bucket}/nowhere/"])


def test_a_lake_in_no_bucket_is_told_before_anything_is_read(bucket: str) -> None:
    with pytest.raises(UserError, match=r"Cannot write s3://nobody-made.*bucket does not exist.*Make the bucket"):
        Lake("s3://nobody-made/lake").check_writable()
    for wrong, said in (("s3:/crawl/lake", "s3://crawl/lake"), ("s4://crawl/lake", "not known: s4")):
        with pytest.raises(UserError, match=said):
            Lake(wrong).check_writable()
    with pytest.raises(UserError, match="s3://crawl/lake"):
        Catalog(Lake("s3:/crawl/lake")).query("SELECT 1")
    with pytest.raises(UserError, match="not known: s4"):
        Catalog(Lake("s4://crawl/lake")).query("SELECT 1")


def test_a_lake_in_a_bucket_has_one_writer(bucket: str) -> None:
    root = f"{bucket}/leased"
    with hold(root, CORPUS, "first", beat_seconds=0.05, lost_seconds=0.5) as first:
        with pytest.raises(LeaseBusy, match="first"), hold(root, CORPUS, "second", lost_seconds=0.5):
            pass
        uri = f"{root}/leases/corpus.00000001.json"
        assert not create_new(uri, b"another") and b"another" not in (read_now(uri) or b"")
        first.fence.check()
    stopped = Fence(root, CORPUS, 1, "someone")
    with hold(root, CORPUS, "second", lost_seconds=0.5) as second, committing(root, second.fence):
        assert second.fence.generation == 2
        with pytest.raises(LeaseLost, match="second"), committing(root, stopped):
            pass


def test_ranges_of_an_object(bucket: str) -> None:
    uri = put(f"{bucket}/ranges", CONTENT)
    wanted = [(0, 10), (50_000, 1000), (99_990, 10)]
    assert list(read_ranges(uri, wanted)) == [CONTENT[o : o + n] for o, n in wanted]
    assert [len(data) for data in read_ranges(uri, [(99_990, 20), (200_000, 5)], partial=True)] == [10, 0]


def test_an_object_that_changed_is_noticed(bucket: str) -> None:
    uri = put(f"{bucket}/changing", CONTENT)
    planned = version_of(uri)
    stream, size = open_version(uri, planned)
    assert (stream.read(), size) == (CONTENT, len(CONTENT))
    put(uri, CONTENT[::-1])
    with pytest.raises(ShardFailed, match="not what it was"):
        open_version(uri, planned)


def test_an_object_that_changes_while_it_is_read_is_noticed(bucket: str, pauses: list[float]) -> None:
    large = CONTENT * 150
    uri = put(f"{bucket}/large", large)
    stream, _ = open_version(uri, None)
    assert stream.read(1000) == large[:1000]
    put(uri, large[::-1])
    with pytest.raises(ShardFailed, match="changed while it was read"):
        stream.read()
    assert pauses == []


def test_a_snapshot_and_its_index_in_a_bucket(bucket: str, tmp_path: Path) -> None:
    crawl = make_crawl(tmp_path / "crawl", archives=2, pages=4)
    for file in (path for path in crawl.rglob("*") if path.is_file()):
        put(f"{bucket}/mirror/{file.relative_to(crawl)}", file.read_bytes())
    found = {}
    for base in (str(crawl), f"{bucket}/mirror"):
        store, lake, config = Store(base), Lake(str(tmp_path / "lake" / str(len(found)))), IndexConfig(enabled=True)
        archives = store.paths(SNAPSHOT, "warc")
        parts = [index.search_file(lake, SNAPSHOT, uri, archives, config) for uri in index.index_files(store, SNAPSHOT)]
        index.choose(lake, parts, "plan.parquet", config)
        [archive, _] = archives
        ranges = excerpt_ranges(lake.root, archive, excerpts_of(lake, "plan.parquet")[archive])
        found[base] = list(read_ranges(store.uri(archive), ranges))
    first, second = found.values()
    assert first == second and len(first) > 3
