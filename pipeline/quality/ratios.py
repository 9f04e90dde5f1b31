"""From what kernels give to columns: counts, and divisions of counts (by nothing: not measured)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

Ratio = tuple[np.ndarray, np.ndarray]
"""A part and the whole that it is divided by, a number a document each."""


def as_columns(measured: Mapping[str, np.ndarray | Ratio]) -> dict[str, pa.Array[Any]]:
    """Counts, and part / whole of each `Ratio`, as float64 columns; a ratio is null where its whole is 0.

    All of a stage's in one buffer: Arrow's and numpy's calls, some twenty a batch and column otherwise, cost as much as
    a small batch's measurement.
    """
    numbers = np.array([each[0] if isinstance(each, tuple) else each for each in measured.values()], np.float64)
    rows = numbers.shape[1]
    empty: dict[str, np.ndarray] = {}
    for row, (name, each) in zip(numbers, measured.items(), strict=True):
        if isinstance(each, tuple):
            whole = each[1]
            if not whole.all():
                empty[name] = whole == 0
                whole = np.where(empty[name], 1, whole)
            row /= whole
    buffer = pa.Array.from_buffers(pa.float64(), numbers.size, [None, pa.py_buffer(numbers.data)])
    columns = {name: buffer.slice(place * rows, rows) for place, name in enumerate(measured)}
    return columns | {name: pa.array(columns[name].to_numpy(), mask=mask) for name, mask in empty.items()}


def sizes(offsets: np.ndarray) -> np.ndarray:
    """int64[documents]: how many lie between each two of `offsets` (int64[documents + 1])."""
    counts: np.ndarray = offsets[1:] - offsets[:-1]
    return counts
