"""From what kernels give to columns: divisions of counts (what nothing can be divided by is not measured)."""

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
