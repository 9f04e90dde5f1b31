"""Rows of a corpus into shards of about one size, the same bytes however the rows come."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.lake import Lake
from storage.schema import CORPUS
from storage.shards import Output, ShardWriter

TEXT_PER_COMPRESSED_BYTE = 2.6
"""Before the first shard is written; from then on what the finished shards came to."""


def write_shards(lake: Lake, folder: str, tables: Iterator[pa.Table], shard_bytes: int) -> Iterator[Output]:
    """Shards of about `shard_bytes`, cut where their text reaches what compresses to that; at least one."""
    ratio, text_bytes, file_bytes, number = TEXT_PER_COMPRESSED_BYTE, 0, 0, 0
    rest: pa.Table | None = next(tables, CORPUS.empty_table())
    while rest is not None:
        path = f"{folder}/corpus-{number:05}.parquet"
        with ShardWriter(lake.root, path, "corpus", CORPUS) as writer:
            rest, written = _fill_shard(writer, rest, tables, int(shard_bytes * ratio))
            output = writer.finish()
        text_bytes, file_bytes, number = text_bytes + written, file_bytes + output.bytes, number + 1
        ratio = text_bytes / file_bytes if text_bytes else ratio
        yield output


def _fill_shard(
    writer: ShardWriter, table: pa.Table, tables: Iterator[pa.Table], limit: int
) -> tuple[pa.Table | None, int]:
    """Write rows until their text reaches `limit` bytes; the rows left over (None: none at all) and the bytes."""
    written = 0
    while True:
        ends = written + np.cumsum(pc.binary_length(table["text"]).to_numpy())
        rows = min(int(np.searchsorted(ends, limit)) + 1, table.num_rows)
        writer.write(table.slice(0, rows))
        written = int(ends[rows - 1]) if rows else written
        if rows < table.num_rows:
            return table.slice(rows), written
        following = next(tables, None)
        if following is None or written >= limit:
            return following, written
        table = following
