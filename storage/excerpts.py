"""Of a plan (`storage.index`), what is wanted of each archive: how much, and where it lies.

Apart from what makes plans, so that a task that reads an archive loads no database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from storage.errors import ShardFailed
from storage.files import open_read
from storage.lake import Lake
from storage.ranges import GAP_BYTES
from storage.shards import iter_batches, parquet_errors
from storage.sources import Excerpt
from storage.uris import join


def excerpts_of(lake: Lake, plan: str) -> dict[str, Excerpt]:
    """What a plan chose of each archive, by the archive's path."""
    found: dict[str, _Tally] = {}
    for batch in iter_batches(lake.absolute(plan), ["archive", "offset", "length"]):
        for archive, places in _by_archive(batch):
            found.setdefault(archive, _Tally()).add(places)
    return {archive: tally.excerpt(plan) for archive, tally in found.items()}


class _Tally:
    """Adds up the places chosen of one archive."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._records = self._bytes = self._gaps = 0
        self._end: int | None = None

    def add(self, places: np.ndarray[Any, Any]) -> None:
        """Further places, in order."""
        self._digest.update(places.tobytes())
        starts, lengths = places[:, 0], places[:, 1]
        before = np.concatenate([[starts[0] if self._end is None else self._end], (starts + lengths)[:-1]])
        gaps = starts - before
        self._records += len(places)
        self._bytes += int(lengths.sum())
        self._gaps += int(gaps[(gaps > 0) & (gaps <= GAP_BYTES)].sum())
        self._end = int(starts[-1] + lengths[-1])

    def excerpt(self, plan: str) -> Excerpt:
        """What was added."""
        fetched = self._bytes + self._gaps
        return Excerpt(plan, self._digest.hexdigest(), self._records, self._bytes, fetched)


def excerpt_ranges(lake_root: str, archive: str, excerpt: Excerpt) -> list[tuple[int, int]]:
    """Offset and length of every record chosen of an archive, in order.

    Raises:
        UserError: The plan is not there any more.
        ShardFailed: It is not what it was.
    """
    uri = join(lake_root, excerpt.plan)
    with open_read(uri) as stream, parquet_errors(uri):
        rows = pq.read_table(stream, columns=["offset", "length"], filters=[("archive", "=", archive)])
    places = _places(rows)
    if hashlib.sha256(places.tobytes()).hexdigest() != excerpt.digest:
        raise ShardFailed(f"{uri} is not what it was when the run was planned.", "Give the same command again.")
    return [(int(offset), int(length)) for offset, length in places]


def _by_archive(batch: pa.RecordBatch) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """Runs of rows of the same archive: its path, and (offset, length) a row."""
    places = _places(batch)
    start = 0
    for archive, rows in groupby(str(name) for name in batch.column("archive").to_pylist()):
        end = start + sum(1 for _ in rows)
        yield archive, places[start:end]
        start = end


def _places(rows: pa.Table | pa.RecordBatch) -> np.ndarray[Any, Any]:
    columns = [rows.column(name).to_numpy(zero_copy_only=False) for name in ("offset", "length")]
    return np.ascontiguousarray(np.stack(columns, axis=1), dtype="<i8")
