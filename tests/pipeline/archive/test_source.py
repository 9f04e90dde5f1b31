"""Bytes by position: any order of reading gives the same bytes."""

from __future__ import annotations

import io
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.archive.source import CHUNK, BytesSource, FileSource, find_marks

MARK = b"\x1f\x8b\x08"
DATA = b"".join(random.Random(1).randbytes(size) + MARK for size in (5, 0, 700, CHUNK - 3, CHUNK + 9, 2 * CHUNK, 40))
READS = st.tuples(st.booleans(), st.integers(0, len(DATA) + 9), st.sampled_from([1, 4, 700, 65536, CHUNK, CHUNK + 5]))


@given(reads=st.lists(READS, max_size=12))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_file_read_here_and_there_gives_its_bytes(reads):
    file, whole = FileSource(io.BytesIO(DATA), len(DATA)), BytesSource(DATA)
    for to_mark, position, count in reads:
        if to_mark:
            found = DATA.find(MARK, position + 1, position + count)
            wanted = DATA[position : position + count if found < 0 else found]
            assert file.read_to(position, MARK, count) == wanted
            assert whole.read_to(position, MARK, count) == wanted
        else:
            assert file.read(position, count) == whole.read(position, count) == DATA[position : position + count]


@given(data=st.lists(st.sampled_from([MARK, MARK[:2], MARK[:1], b"\x08", b"x"]), max_size=30).map(b"".join))
def test_marks_are_found_wherever_they_stand(data):
    assert find_marks(data, MARK) == [place for place in range(len(data)) if data.startswith(MARK, place)]
