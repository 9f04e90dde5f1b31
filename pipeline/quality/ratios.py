"""From what kernels give to columns: counts, and divisions of counts (by nothing: not measured)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from pipeline.batch import Signals

Ratio = tuple[np.ndarray, np.ndarray]
"""A part and the whole that it is divided by, a number a document each."""


def as_columns(measured: Mapping[str, np.ndarray | Ratio]) -> Signals:
    """Counts, and part / whole of each `Ratio`, as float64 columns; a ratio is null where its whole is 0.

    All of a stage's in one buffer: Arrow's and numpy's calls, some twenty a batch and column otherwise, cost as much as
    a small batch's measurement.
    """
    first = next(iter(measured.values()))
    rows = len(first[0] if isinstance(first, tuple) else first)
    numbers = np.empty((len(measured), rows))
    with np.errstate(divide="ignore", invalid="ignore"):
        for row, each in zip(numbers, measured.values(), strict=True):
            if isinstance(each, tuple):
                np.divide(*each, out=row)
            else:
                row[:] = each
    buffer = pa.Array.from_buffers(pa.float64(), numbers.size, [None, pa.py_buffer(numbers.data)])
    columns = {name: buffer.slice(place * rows, rows) for place, name in enumerate(measured)}
    if not np.isfinite(numbers).all():
        for row, (name, each) in zip(numbers, measured.items(), strict=True):
            if isinstance(each, tuple):
                row[each[1] == 0] = np.nan
                columns[name] = pa.array(row, pa.float64(), mask=each[1] == 0)
    return Signals(columns, dict(zip(measured, numbers, strict=True)))


def sizes(offsets: np.ndarray) -> np.ndarray:
    """int64[documents]: how many lie between each two of `offsets` (int64[documents + 1])."""
    counts: np.ndarray = offsets[1:] - offsets[:-1]
    return counts
