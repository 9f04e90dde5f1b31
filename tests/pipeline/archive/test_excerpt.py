"""Chosen ranges of an archive read as the whole archive reads them; damage stays in its range."""

from __future__ import annotations

import gzip
import io
import random
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.archive.config import ArchiveConfig
from pipeline.archive.excerpt import read_excerpt, worth_fetching
from pipeline.archive.reader import read_archive
from pipeline.archive.records import Item, Unreadable
from tests.flows.archives import article, page, write_warc


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("excerpt") / "a.warc.gz"
    return write_warc(path, {f"http://a.test/{n}": page(article(n)) for n in range(12)}).read_bytes()


class Seen(NamedTuple):
    """All there is to an item, as plain values."""

    offset: int
    length: int
    kind: str
    values: tuple[object, ...]


def seen(item: Item) -> Seen:
    if isinstance(item, Unreadable):
        return Seen(item.offset, item.length, "unreadable", (item.cause,))
    values = (item.record_id, item.url, item.date, item.block, item.problem)
    return Seen(item.offset, item.length, item.kind, values)


def whole(data: bytes) -> list[Seen]:
    return [seen(item) for item in read_archive(io.BytesIO(data), "a", len(data))]


def excerpt(data: bytes, ranges: list[tuple[int, int]]) -> list[Seen]:
    reader = read_excerpt(ranges, [data[offset : offset + length] for offset, length in ranges], "a")
    items = [seen(item) for item in reader]
    assert sum(item.length for item in items) == reader.stream_bytes == sum(length for _, length in ranges)
    return items


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000), share=st.floats(0, 1))
def test_any_choice_of_records_is_what_the_whole_archive_has_there(archive: bytes, seed: int, share: float) -> None:
    draw = random.Random(seed)
    chosen = [item for item in whole(archive) if draw.random() < share]
    assert excerpt(archive, [(item.offset, item.length) for item in chosen]) == chosen


def test_uncompressed_records_can_be_chosen_too(archive: bytes) -> None:
    plain = gzip.decompress(archive)
    chosen = whole(plain)[2::3]
    assert excerpt(plain, [(item.offset, item.length) for item in chosen]) == chosen


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_costs_the_record_it_hit_and_no_other(archive: bytes, data: st.DataObject) -> None:
    sound = [item for item in whole(archive) if item.kind == "response"]
    hit = data.draw(st.sampled_from(sound))
    place = hit.offset + data.draw(st.integers(0, hit.length - 1))
    broken = bytearray(archive)
    broken[place] ^= data.draw(st.integers(1, 255))
    items = excerpt(bytes(broken), [(item.offset, item.length) for item in sound])
    by_offset = {item.offset: item for item in items}
    for item in sound:
        if item is not hit:
            assert by_offset[item.offset] == item
    spans = [item for item in items if hit.offset <= item.offset < hit.offset + hit.length]
    assert sum(item.length for item in spans) == hit.length


@pytest.mark.parametrize(("shift", "stretch"), [(0, -1), (0, -50), (3, 0), (-5, 0), (0, 400), (7, 9)])
def test_a_range_that_is_wrong_about_its_record_is_accounted_for(archive: bytes, shift: int, stretch: int) -> None:
    first, wrong, last = [item for item in whole(archive) if item.kind == "response"][:3]
    ranges = [
        (first.offset, first.length),
        (wrong.offset + shift, wrong.length + stretch),
        (last.offset, last.length),
    ]
    items = excerpt(archive, ranges)
    assert items[0] == first and items[-1] == last
    assert any(item.kind == "unreadable" for item in items[1:-1])


def test_the_end_of_the_file_is_a_cause() -> None:
    [item] = read_excerpt([(500, 100)], [b"x" * 20], "a", ArchiveConfig())
    assert item == Unreadable(500, 100, "the file ends 80 bytes before the record does")


def test_a_giant_is_not_even_fetched() -> None:
    config = ArchiveConfig(max_record_bytes=1000)
    ranges = [(0, 2_000_000_000), (2_000_000_000, 1000)]
    assert worth_fetching(ranges, config) == [(0, 0), (2_000_000_000, 1000)]
    items = list(read_excerpt(ranges, [b"", b"x" * 1000], "a", config))
    assert [item.length for item in items] == [2_000_000_000, 1000]
    assert isinstance(items[0], Unreadable) and "max_record_bytes is 1000" in items[0].cause


def test_nothing_chosen_is_nothing() -> None:
    assert excerpt(b"", []) == []


def test_what_it_learns_is_told(archive: bytes, tmp_path: Path) -> None:
    item = whole(archive)[1]
    reader = read_excerpt([(item.offset, item.length)], [archive[item.offset : item.offset + item.length]], "name")
    list(reader)
    assert (reader.name, reader.format, reader.offsets_in) == ("name", "warc", "file")
