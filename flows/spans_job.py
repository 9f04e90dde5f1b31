"""What the units that look for repeated stretches hand to each other, and the texts they all read.

Pages are named by their place: number of the documents file, shifted, plus its row. Texts are looked at in the order
of the archives, and the first copy of anything stays.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from flows.dedup_job import DedupJob
from storage.columns import field, table
from storage.schema import PAGE_KEY
from storage.shards import iter_batches

FILE_BITS = 32
ROWS = 1024
KEY = tuple(column.name for column in PAGE_KEY)

BLOCKS = table(
    field("kind", pa.string(), "line or paragraph"),
    field("host", pa.string(), "host of the page"),
    field("hash", pa.uint64(), "of the text"),
    field("page", pa.int64(), "place"),
    field("start", pa.int64(), "first character"),
    field("chars", pa.int64(), "length without the last newline"),
)
WINDOWS = table(
    field("hash", pa.uint64(), "of a word sequence"),
    field("page", pa.int64(), "place of the page with the first copy"),
    field("times", pa.int64(), "times it is met"),
)
FOUND = table(
    field("page", pa.int64(), "place"),
    field("start", pa.int64(), "first character"),
    field("chars", pa.int64(), "characters"),
    field("pages", pa.int64(), "pages that have the line or paragraph; times the sequence is met"),
    field("source", pa.int64(), "place of the page with the first copy"),
    field("kind", pa.string(), "line, paragraph or substring"),
)
EMPTIED = table(field("page", pa.int64(), "place"), field("source", pa.int64(), "page that has a copy"))


def survivors(
    job: DedupJob, removed: list[str], number: int, columns: list[str]
) -> Iterator[tuple[np.ndarray, pa.RecordBatch]]:
    """Places and rows of one file's pages that no better page replaces."""
    output = job.documents[number]
    first = number << FILE_BITS
    gone = np.zeros(0, np.int64)
    for batch in iter_batches(job.absolute(output), [*KEY, *columns], ROWS):
        if first == number << FILE_BITS:
            key = {"crawl": batch["crawl"][0].as_py(), "archive": batch["archive"][0].as_py()}
            with job.scratch() as scratch:
                offsets = scratch.run("dedup/removed_rows", duplicates=removed, **key).read_all()
            gone = offsets["offset"].to_numpy()
        kept = np.flatnonzero(~np.isin(batch["offset"].to_numpy(), gone))
        yield first + kept, batch.take(pa.array(kept, pa.int64())).select(columns)
        first += batch.num_rows
