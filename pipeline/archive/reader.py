"""An archive's records in order, whatever its format, container or state; nothing of it unaccounted for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from pipeline.archive.config import ArchiveConfig
from pipeline.archive.decoded import DecodedSource, scan_segments
from pipeline.archive.jsonl import walk_lines
from pipeline.archive.members import MemberWalk, is_record_a_member
from pipeline.archive.parquet import MAGIC as PARQUET_MAGIC
from pipeline.archive.parquet import ParquetRows
from pipeline.archive.records import Item, Padding, Unreadable
from pipeline.archive.sniff import Layout, sniff
from pipeline.archive.source import FileSource, Source
from pipeline.archive.wacz import archive_parts, walk_parts
from pipeline.archive.walk import walk_records
from pipeline.archive.zip_parts import MAGIC as ZIP_MAGIC
from pipeline.archive.zip_parts import Part, find_parts


class ArchiveReader:
    """Iterates over an archive's items once; what it learnt on the way stands in its attributes.

    Attributes:
        name: As given.
        format: "warc", "arc", "wacz", "jsonl" or "parquet"; None where nothing was recognised.
        offsets_in: What offsets and lengths count: "file" (its bytes), "rows", or "stream": the bytes it
            decompresses to, and those that do not decompress as they stand.
        stream_bytes: Size of what offsets count in. The lengths of all items add up to it, always.
    """

    def __init__(self, stream: BinaryIO, name: str, size: int, config: ArchiveConfig) -> None:
        self.name = name
        self.format: str | None = None
        self.offsets_in = "file"
        self.stream_bytes = size
        self._stream, self._config = stream, config
        self._file = FileSource(stream, size)

    def __iter__(self) -> Iterator[Item]:
        return _tile(self._items())

    def _items(self) -> Iterator[Item | Padding]:
        if self._file.size == 0:
            return iter(())
        magic = self._file.read(0, 4)
        if magic == PARQUET_MAGIC:
            return self._parquet()
        parts = find_parts(self._stream, self._file) if magic == ZIP_MAGIC else None
        if parts is not None:
            return self._wacz(parts)
        self.format, items, run = read_records(self._file, self._config)
        if isinstance(run, DecodedSource):
            self.offsets_in, self.stream_bytes = "stream", run.size
        return items

    def _wacz(self, parts: list[Part]) -> Iterator[Item | Padding]:
        archives = archive_parts(parts)
        if not archives:
            return iter((Unreadable(0, self._file.size, "not an archive: a ZIP without WARC or ARC files in it"),))
        self.format = "wacz"
        return walk_parts(self._file, archives, self._part)

    def _part(self, part: Source) -> tuple[Iterator[Item | Padding], bool]:
        _, items, run = read_records(part, self._config)
        return items, run is part

    def _parquet(self) -> Iterator[Item]:
        self.format = "parquet"
        try:
            rows = ParquetRows(self._stream, self._config.text_field, self._config.max_record_bytes)
        except ValueError as error:
            return iter((Unreadable(0, self._file.size, f"Parquet file is damaged: {error}"),))
        self.offsets_in, self.stream_bytes = "rows", rows.size
        return iter(rows)


def read_records(file: Source, config: ArchiveConfig) -> tuple[str | None, Iterator[Item | Padding], Source]:
    """The format of a WARC, ARC or JSON lines file (None: not recognised), its items, and what their offsets count in.

    That is the file, or a `DecodedSource` over it.
    """
    layout = sniff(file)
    if isinstance(layout, str):
        return None, iter((Unreadable(0, file.size, layout),)), file
    grammar, codec, limit = layout.grammar, layout.codec, config.max_record_bytes
    name = grammar.name if grammar else "jsonl"
    if grammar and codec and is_record_a_member(file, codec, grammar):
        return name, iter(MemberWalk(file, codec, grammar, limit)), file
    run = _decompressed(file, layout)
    items = walk_records(run, grammar, limit) if grammar else walk_lines(run, config.text_field, limit)
    return name, chain(items, _loss_at_end(run)), run


def _decompressed(file: Source, layout: Layout) -> Source:
    if layout.codec is None:
        return file
    segments = scan_segments(file, layout.codec, 0, file.size, layout.begins)
    return DecodedSource(file, layout.codec, segments)


def read_archive(stream: BinaryIO, name: str, size: int, config: ArchiveConfig | None = None) -> ArchiveReader:
    """A reader over WARC, ARC, WET, WAT, WACZ, JSON lines or Parquet, compressed or not, told apart by its bytes.

    Damage costs the record it hit: the span is yielded as `Unreadable` with its cause and reading goes on at
    the next record. What was compressed is yielded only after its checksum held. Memory stays bounded by
    a small multiple of `config.max_record_bytes`, whatever the archive holds.

    Args:
        stream: Seekable binary stream at any position.
        name: What to call it; says nothing of its format.
        size: Its size in bytes.
        config: Limits and the text's key; the defaults where None.
    """
    return ArchiveReader(stream, name, size, config or ArchiveConfig())


def _loss_at_end(source: Source) -> Iterator[Unreadable]:
    """A span without length where a compressed stream was cut short; nothing else may show that."""
    if isinstance(source, DecodedSource) and source.loss_at_end:
        yield Unreadable(source.size, 0, source.loss_at_end)


def _tile(items: Iterator[Item | Padding]) -> Iterator[Item]:
    """Give padding to the item before it (at the very beginning: after it) and join spans lost alike."""
    held: Item | None = None
    lead = 0
    for item in items:
        if held is not None and (isinstance(item, Padding) or _continues(held, item)):
            held = held._replace(length=held.length + item.length)
        elif isinstance(item, Padding):
            lead += item.length
        else:
            if held is not None:
                yield held
            held = item._replace(offset=0, length=item.length + lead) if lead else item
            lead = 0
    if held is None and lead:
        held = Unreadable(0, lead, "nothing but blank space")
    if held is not None:
        yield held


def _continues(held: Item, item: Item) -> bool:
    return isinstance(item, Unreadable) and isinstance(held, Unreadable) and held.cause == item.cause
