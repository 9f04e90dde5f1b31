"""What a stage found, as columns of numbers: counts, and divisions of counts (by nothing: not measured)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.batch import DocumentBatch

Ratio = tuple[np.ndarray, np.ndarray]
"""A part and the whole that it is divided by, a number a document each."""


class Signals(dict[str, "pa.Array[Any]"]):
    """Columns of numbers, as Arrow has them and as numpy does: rules are judged by the latter.

    All of a stage's lie in one piece of memory: Arrow's and numpy's calls, some twenty a batch and column otherwise,
    cost as much as a small batch's measurement.

    Args:
        names: Of the columns.
        numbers: float64[columns, documents]; NaN where a document has none, which is null in the column.
    """

    def __init__(self, names: Sequence[str], numbers: np.ndarray) -> None:
        rows = numbers.shape[1]
        buffer = pa.Array.from_buffers(pa.float64(), numbers.size, [None, pa.py_buffer(numbers.data)])
        super().__init__({name: buffer.slice(place * rows, rows) for place, name in enumerate(names)})
        if np.isnan(numbers).any():
            self.update((name, pa.array(row, from_pandas=True)) for name, row in zip(names, numbers, strict=True))
        self._numbers, self._places = numbers, {name: place for place, name in enumerate(names)}

    def numbers(self, names: Sequence[str]) -> np.ndarray:
        """float64[names, documents]: those columns."""
        found: np.ndarray = self._numbers[[self._places[name] for name in names]]
        return found


class Rewritten(Signals):
    """Columns that replace the text, with the batch in which the new text has been looked at already.

    Args:
        names, numbers: What was measured.
        measured: A batch whose `text` is the new one: what it has computed need not be computed again.
    """

    def __init__(self, names: Sequence[str], numbers: np.ndarray, measured: DocumentBatch) -> None:
        super().__init__(names, numbers)
        self["text"] = measured.column("text")
        self.measured = measured


def as_columns(measured: Mapping[str, np.ndarray | Ratio], rewritten: DocumentBatch | None = None) -> Signals:
    """Counts, and part / whole of each `Ratio`, as float64 columns; a ratio is null where its whole is 0.

    Args:
        measured: Name to counts, or to a ratio.
        rewritten: Where the text is replaced too, the batch of the new one.
    """
    counts = [each[0] if isinstance(each, tuple) else each for each in measured.values()]
    one = np.ones(len(counts[0]))
    wholes = np.array([each[1] if isinstance(each, tuple) else one for each in measured.values()], np.float64)
    wholes[wholes == 0] = np.nan
    numbers = np.array(counts, np.float64) / wholes
    return Signals(list(measured), numbers) if rewritten is None else Rewritten(list(measured), numbers, rewritten)


def sizes(offsets: np.ndarray) -> np.ndarray:
    """int64[documents]: how many lie between each two of `offsets` (int64[documents + 1])."""
    counts: np.ndarray = offsets[1:] - offsets[:-1]
    return counts
