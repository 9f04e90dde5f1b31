"""Ranges of a file, wherever it lies: the same bytes, in few requests, in the order asked for."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import ranges as module
from storage.errors import ShardFailed, UserError
from storage.ranges import GAP_BYTES, REQUEST_BYTES, plan_requests, read_ranges
from tests.storage.crawl_server import CrawlServer, Trouble, serving

CONTENT = random.Random(3).randbytes(100_000)


@pytest.fixture
def server(tmp_path: Path, pauses: list[float]) -> Iterator[CrawlServer]:
    (tmp_path / "a").write_bytes(CONTENT)
    with serving(tmp_path) as server:
        yield server


@pytest.fixture
def places(server: CrawlServer, tmp_path: Path) -> Iterator[list[str]]:
    """The same file in a directory, on a web server, in a bucket."""
    store = fsspec.filesystem("memory")
    store.pipe_file("/bucket/a", CONTENT)
    yield [str(tmp_path / "a"), f"{server.url}a", "memory://bucket/a"]
    store.store.clear()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.lists(st.tuples(st.integers(0, 99_999), st.integers(1, 2000)), max_size=12), gap=st.integers(0, 5000))
def test_every_place_gives_the_same_bytes_in_the_order_asked_for(
    wanted: list[tuple[int, int]], gap: int, places: list[str]
) -> None:
    fitting = [(offset, min(length, len(CONTENT) - offset)) for offset, length in wanted]
    expected = [CONTENT[offset : offset + length] for offset, length in fitting]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "GAP_BYTES", gap)
        for place in places:
            assert list(read_ranges(place, fitting)) == expected


def test_a_range_past_the_end_is_a_failure_or_what_there_is(places: list[str]) -> None:
    wanted = [(0, 10), (99_990, 20), (200_000, 5)]
    for place in places:
        with pytest.raises(ShardFailed, match=r"ends 10 bytes before the range 99990\+20"):
            list(read_ranges(place, wanted))
        assert [len(data) for data in read_ranges(place, wanted, partial=True)] == [10, 10, 0]


def test_a_file_that_is_not_there_is_a_mistake(places: list[str]) -> None:
    for place in places:
        with pytest.raises(UserError, match="no file"):
            list(read_ranges(f"{place}bc", [(0, 1)]))


def test_neighbours_come_in_one_request_and_the_rest_in_their_own(server: CrawlServer) -> None:
    assert len(CONTENT) < GAP_BYTES
    wanted = [(offset, 100) for offset in range(0, 90_000, 1000)]
    assert b"".join(read_ranges(f"{server.url}a", wanted)) == b"".join(CONTENT[o : o + n] for o, n in wanted)
    assert server.asked == [("/a", "bytes=0-89099")]


def test_trouble_costs_no_byte(server: CrawlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GAP_BYTES", 10)
    wanted = [(offset, 3000) for offset in range(0, 96_000, 4000)]
    for _ in range(3):  # four troubles at a time: were they all one request's, it would still be tried a fifth time
        server.fail("/a", Trouble(cut=500), Trouble(status=429), Trouble(ranges=False), Trouble(drop=True))
        assert list(read_ranges(f"{server.url}a", wanted)) == [CONTENT[o : o + n] for o, n in wanted]


def test_who_stops_reading_stops_the_requests(server: CrawlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GAP_BYTES", 10)
    pieces = read_ranges(f"{server.url}a", [(offset, 10) for offset in range(0, 100_000, 100)])
    assert next(pieces) == CONTENT[:10]
    pieces.close()  # type: ignore[attr-defined]  # it is a generator
    assert len(server.asked) <= 1 + 2 * module.CONNECTIONS


@given(st.lists(st.tuples(st.integers(0, 1 << 30), st.integers(1, 10 << 20)), max_size=50))
def test_requests_hold_their_ranges_in_order_and_stay_small(wanted: list[tuple[int, int]]) -> None:
    requests = plan_requests(wanted)
    assert [one for request in requests for one in request.ranges] == wanted
    for request in requests:
        assert all(request.start <= o and o + n <= request.end for o, n in request.ranges)
        assert len(request.ranges) == 1 or request.end - request.start <= REQUEST_BYTES
