"""From what kernels give to columns: divisions of counts (what nothing can be divided by is not measured)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa


def ratio(part: np.ndarray, whole: np.ndarray) -> pa.Array[Any]:
    """part / whole as float64, null where `whole` is 0."""
    nothing = whole == 0
    if np.count_nonzero(nothing):
        return pa.array(np.asarray(part, np.float64) / np.where(nothing, 1, whole), mask=nothing)
    return floats(np.asarray(part, np.float64) / whole)


def count(values: np.ndarray) -> pa.Array[Any]:
    """Counts as float64, as every signal is."""
    return floats(values.astype(np.float64))


def floats(values: np.ndarray) -> pa.Array[Any]:
    """float64 numbers as a column without nulls, NaN among them; the array is not copied.

    A hundred times a batch: `pa.array` looks for pandas each time.
    """
    return pa.Array.from_buffers(pa.float64(), len(values), [None, pa.py_buffer(np.ascontiguousarray(values).data)])
