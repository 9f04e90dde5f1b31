"""From what kernels give to columns: divisions of counts (what nothing can be divided by is not measured), texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa


def ratio(part: np.ndarray, whole: np.ndarray) -> pa.Array[Any]:
    """part / whole as float64, null where `whole` is 0."""
    nothing = whole == 0
    return pa.array(np.asarray(part, np.float64) / np.where(nothing, 1, whole), mask=nothing)


def count(values: np.ndarray) -> pa.Array[Any]:
    """Counts as float64, as every signal is."""
    return pa.array(np.asarray(values, np.float64))


def strings(data: np.ndarray, offsets: np.ndarray) -> pa.Array[Any]:
    """Texts from UTF-8 (uint8[bytes]) and where each ends (int64[rows + 1], bytes)."""
    buffers = [None, pa.py_buffer(offsets.data), pa.py_buffer(data.data)]
    return pa.Array.from_buffers(pa.large_string(), len(offsets) - 1, buffers).cast(pa.string())
