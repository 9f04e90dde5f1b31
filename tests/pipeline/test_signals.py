"""Counts and divisions as columns."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.signals import as_columns, sizes

ROWS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=6)


@given(ROWS)
def test_a_ratio_is_null_where_its_whole_is_nothing_and_a_count_never(rows: list[tuple[int, int]]) -> None:
    part, whole = (np.array([row[place] for row in rows], np.int64) for place in (0, 1))
    found = as_columns({"part": part, "share": (part, whole), "same": (part, np.ones(len(rows), np.int64))})
    assert list(found) == ["part", "share", "same"]
    assert found["part"].to_pylist() == found["same"].to_pylist() == part.tolist()
    assert found["share"].to_pylist() == [a / b if b else None for a, b in rows]
    assert [None if math.isnan(value) else value for value in found.numbers(["share"])[0]] == found["share"].to_pylist()


def test_sizes_are_what_lies_between_offsets() -> None:
    assert sizes(np.array([0, 3, 3, 10])).tolist() == [3, 0, 7]
