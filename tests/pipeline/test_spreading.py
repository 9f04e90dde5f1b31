"""No document beside itself, wherever that can be had."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.spreading import separate


@given(st.lists(st.integers(0, 6), max_size=60))
def test_equal_items_are_parted_wherever_they_can_be(items) -> None:
    values = np.array(items, dtype=np.int64)
    order = separate(values)
    assert sorted(order) == list(range(len(values)))
    placed = values[order]
    if len(values) and np.bincount(values).max() <= (len(values) + 1) // 2:
        assert not (placed[1:] == placed[:-1]).any()


def test_an_order_without_equal_neighbours_stays_as_it_is() -> None:
    assert separate(np.array([3, 1, 3, 1])).tolist() == [0, 1, 2, 3]
