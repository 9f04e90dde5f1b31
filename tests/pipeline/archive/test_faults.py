"""Damage of every kind, anywhere: nothing raises, only what was hit is lost, nothing altered gets through."""

from __future__ import annotations

import gzip
from itertools import accumulate

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

RECORD_A_PART = ["plain", "gzip", "zstd"]
ALL = [*RECORD_A_PART, "one gzip", "one zstd"]
RELAXED = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@st.composite
def faults(draw):
    """A fault as (kind, place 0..1, size, filler)."""
    kind = draw(st.sampled_from(["flip", "cut out", "insert", "zero", "truncate", "repeat"]))
    size = 1 if kind == "flip" else draw(st.integers(1, 3000))
    return kind, draw(st.floats(0, 1, exclude_max=True)), size, draw(st.binary(min_size=1, max_size=200))


def damage(data: bytes, fault) -> tuple[bytes, int, int]:
    """The damaged bytes, and the span of the original that was hit."""
    kind, place, size, filler = fault
    at = int(place * len(data))
    end = min(at + size, len(data))
    match kind:
        case "flip":
            return data[:at] + bytes([data[at] ^ (1 << filler[0] % 8)]) + data[at + 1 :], at, at + 1
        case "cut out":
            return data[:at] + data[end:], at, end
        case "insert":
            return data[:at] + filler + data[at:], at, at
        case "repeat":
            return data[:end] + data[at:end] + data[end:], at, end
        case "zero":
            return data[:at] + bytes(end - at) + data[end:], at, end
        case _:
            return data[:at], at, len(data)


@pytest.mark.parametrize("container", ALL)
@given(fault=faults())
@RELAXED
def test_nothing_altered_is_passed_on(container, fault, archives, bodies, read):
    damaged, _, _ = damage(b"".join(archives[container]), fault)
    reading = read(damaged)
    assert {page.body for page in reading.pages} <= set(bodies)


@pytest.mark.parametrize("container", RECORD_A_PART)
@given(fault=faults())
@RELAXED
def test_only_what_was_hit_is_lost(container, fault, archives, read):
    parts = archives[container]
    damaged, start, end = damage(b"".join(parts), fault)
    ends = list(accumulate(map(len, parts)))
    hit = [i for i, part in enumerate(parts) if ends[i] - len(part) <= end and start <= ends[i]]
    reading = read(damaged)
    whole = {record.record_id for record in read(b"".join(parts)).records}
    assert len(whole & {record.record_id for record in reading.records}) >= len(parts) - len(hit)


@pytest.mark.parametrize("container", ALL)
def test_damage_is_told_apart_from_its_absence(container, archives, bodies, read):
    data = b"".join(archives[container])
    reading = read(data)
    assert not reading.lost
    assert [page.body for page in reading.pages] == bodies
    cut = read(data[:-40])
    assert cut.lost
    assert cut.lost[-1].cause


@given(data=st.binary(max_size=3000))
@RELAXED
def test_bytes_that_are_no_archive_are_one_span(data, read):
    assume(not data.startswith(b"PAR1"))
    reading = read(data)
    assert not reading.records
    assert reading.reader.format is None
    assert len(reading.lost) == (1 if data else 0)


@pytest.mark.parametrize("container", ALL)
def test_garbage_between_records_costs_no_record(container, archives, bodies, read):
    garbage = b"\x00\x01 not a record \xff" * 50
    parts = archives[container]
    reading = read(garbage + garbage.join(parts) + garbage)
    assert [page.body for page in reading.pages] == bodies
    assert len(reading.lost) == len(parts) + 1


def test_records_of_a_damaged_whole_are_kept_by_their_digests(archives, bodies, read):
    copies = 12
    data = bytearray(gzip.compress(b"".join(archives["plain"]) * copies, compresslevel=0))
    at = data.index(b"word9400")
    data[at] ^= 1
    reading = read(bytes(data))
    assert reading.reader.offsets_in == "stream"
    assert {page.body for page in reading.pages} == set(bodies)
    assert len(reading.pages) > copies // 2 * len(bodies)
    assert {"gzip member is damaged: incorrect checksum found"} == {span.cause for span in reading.lost}


def test_wrong_lengths_cost_only_their_record(archives, bodies, read):
    parts = list(archives["plain"])
    size = len(parts[3].split(b"\r\n\r\n", 1)[1]) - 4
    for wrong in (size - 50, size + 50, 10**9, 0):
        broken = [
            *parts[:3],
            parts[3].replace(b"Content-Length: %d" % size, b"Content-Length: %d" % wrong),
            *parts[4:],
        ]
        reading = read(b"".join(broken))
        assert [page.body for page in reading.pages] == [bodies[0], *bodies[2:]]
        assert str(wrong) in reading.lost[0].cause


@given(fault=faults())
@RELAXED
def test_an_arc_loses_only_what_was_hit(fault, bodies, read):
    parts = [gzip.compress(part, mtime=0) for part in arc_parts(bodies)]
    damaged, start, end = damage(b"".join(parts), fault)
    reading = read(damaged)
    ends = list(accumulate(map(len, parts)))
    hit = [i for i, part in enumerate(parts) if ends[i] - len(part) <= end and start <= ends[i]]
    assert {page.body for page in reading.pages} <= set(bodies)
    assert len({record.url for record in reading.records}) >= len(parts) - len(hit)


def arc_parts(bodies: list[bytes]) -> list[bytes]:
    version = b"1 1 test\nURL IP-address Archive-date Content-type Archive-length\n"
    parts = [b"filedesc://test.arc 0.0.0.0 20080430204825 text/plain %d\n%b\n" % (len(version), version)]
    for number, body in enumerate(bodies):
        block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + body
        head = b"http://site%d.example/ 10.0.0.1 20080430204825 text/html %d\n" % (number, len(block))
        parts.append(head + block + b"\n")
    return parts


def test_a_member_with_its_end_repeated_is_one_record(archives, bodies, read):
    parts = archives["gzip"]
    reading = read(b"".join(part + part[-30:] for part in parts))
    assert [page.body for page in reading.pages] == bodies
    assert [record.length for record in reading.records] == [len(part) + 30 for part in parts]


@pytest.mark.parametrize("change", ["checksum", "size", "magic"])
def test_a_member_whose_frame_is_wrong_is_lost_alone(change, archives, bodies, read):
    parts = list(archives["gzip"])
    at = {"checksum": -8, "size": -4, "magic": 1}[change]
    broken = bytearray(parts[3])
    broken[at] ^= 1
    reading = read(b"".join([*parts[:3], bytes(broken), *parts[4:]]))
    assert [page.body for page in reading.pages] == [bodies[0], *bodies[2:]]
    assert [(span.offset, span.length) for span in reading.lost] == [(sum(map(len, parts[:3])), len(parts[3]))]
