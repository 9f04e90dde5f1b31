"""Chosen records of an archive, each given by its own bytes: an archive with most of it left out.

Each range is read by itself, so that damage in one, or an index that is wrong about its length, costs that record
and no other. Offsets are those of the whole file.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence

from pipeline.archive.config import ArchiveConfig
from pipeline.archive.gzip_codec import GzipCodec
from pipeline.archive.members import MemberWalk
from pipeline.archive.reader import read_archive
from pipeline.archive.records import Item, Record, Unreadable
from pipeline.archive.source import BytesSource
from pipeline.archive.warc import WarcGrammar


class ExcerptReader:
    """Iterates once over the items of the ranges; attributes as `ArchiveReader`'s.

    Attributes:
        stream_bytes: Sum of the ranges' lengths; the lengths of all items add up to it, always.
    """

    def __init__(
        self, ranges: Sequence[tuple[int, int]], pieces: Iterable[bytes], name: str, config: ArchiveConfig
    ) -> None:
        self.name = name
        self.format: str | None = None
        self.offsets_in = "file"
        self.stream_bytes = sum(length for _, length in ranges)
        self._ranges, self._pieces, self._config = ranges, pieces, config

    def __iter__(self) -> Iterator[Item]:
        for (offset, length), data in zip(self._ranges, self._pieces, strict=True):
            yield from self._items(offset, length, data)

    def _items(self, offset: int, length: int, data: bytes) -> list[Item]:
        if length > self._config.max_record_bytes:
            limit = self._config.max_record_bytes
            return [Unreadable(offset, length, f"a record of {length} bytes; max_record_bytes is {limit}")]
        if len(data) < length:
            return [Unreadable(offset, length, f"the file ends {length - len(data)} bytes before the record does")]
        if record := self._record(data):
            self.format = self.format or WarcGrammar.name
            return [record._replace(offset=offset)]
        reader = read_archive(io.BytesIO(data), self.name, length, self._config)
        items = list(reader)
        if reader.offsets_in != "file" or not items:  # no whole compressed record: its places mean nothing outside
            return [Unreadable(offset, length, _cause(items))]
        self.format = self.format or reader.format
        return [item._replace(offset=offset + item.offset) for item in items]

    def _record(self, data: bytes) -> Item | None:
        """What an index points at, where it is right: one sound gzip member with one WARC record. Else None."""
        if not data.startswith(GzipCodec.magic):
            return None
        first = next(iter(MemberWalk(BytesSource(data), GzipCodec(), WarcGrammar(), self._config.max_record_bytes)))
        return first if isinstance(first, Record) and first.length == len(data) else None


def worth_fetching(ranges: Sequence[tuple[int, int]], config: ArchiveConfig) -> list[tuple[int, int]]:
    """The ranges whose bytes `read_excerpt` wants: nothing of those too large to be read, whatever an index says."""
    return [(offset, length if length <= config.max_record_bytes else 0) for offset, length in ranges]


def read_excerpt(
    ranges: Sequence[tuple[int, int]], pieces: Iterable[bytes], name: str, config: ArchiveConfig | None = None
) -> ExcerptReader:
    """A reader over some ranges of an archive.

    Args:
        ranges: Offset and length of each, in the file's own bytes.
        pieces: The bytes of each that is `worth_fetching`, in the same order; fewer where the file ends before.
        name: What to call the archive.
        config: As for `read_archive`.
    """
    return ExcerptReader(ranges, pieces, name, config or ArchiveConfig())


def _cause(items: Sequence[Item]) -> str:
    causes = [item.cause for item in items if isinstance(item, Unreadable)]
    return causes[0] if causes else "no record of its own is here"
