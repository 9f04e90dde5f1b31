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
    pairs = [each if isinstance(each, tuple) else (each, np.ones(len(each))) for each in measured.values()]
    numbers = np.array([part for part, _ in pairs], np.float64)
    wholes = np.array([whole for _, whole in pairs], np.float64)
    nothing = wholes == 0
    wholes[nothing] = np.nan
    numbers /= wholes
    rows = numbers.shape[1]
    buffer = pa.Array.from_buffers(pa.float64(), numbers.size, [None, pa.py_buffer(numbers.data)])
    columns = {name: buffer.slice(place * rows, rows) for place, name in enumerate(measured)}
    if nothing.any():
        for name, row, mask in zip(measured, numbers, nothing, strict=True):
            columns[name] = pa.array(row, mask=mask)
    return Signals(columns, dict(zip(measured, numbers, strict=True)))


def sizes(offsets: np.ndarray) -> np.ndarray:
    """int64[documents]: how many lie between each two of `offsets` (int64[documents + 1])."""
    counts: np.ndarray = offsets[1:] - offsets[:-1]
    return counts
