"""Archives that compress each record by itself: spans are the file's, so any record can be fetched alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.archive.codec import Codec
from pipeline.archive.decoded import DecodedSource, find_member, scan_segments
from pipeline.archive.grammar import Grammar, Head
from pipeline.archive.records import Item, Padding, Record, Unreadable
from pipeline.archive.source import BytesSource, Source, blank_bytes
from pipeline.archive.walk import walk_records

_HEAD_ROOM = 1 << 20  # decompressed bytes a member may have beside its record's block
_PROBED_MEMBERS = 8
_BLANK = b"\r\n\t "


class MemberWalk:
    """Reads a file member by member.

    Args:
        file: The compressed file.
        codec: Its compression.
        grammar: What its members hold.
        max_block: A larger block is not kept.
    """

    def __init__(self, file: Source, codec: Codec, grammar: Grammar, max_block: int) -> None:
        self._file, self._codec, self._grammar, self._max_block = file, codec, grammar, max_block

    def __iter__(self) -> Iterator[Item | Padding]:
        position = 0
        while position < self._file.size:
            if record := self._sole_record(position):
                yield record
                position += record.length
                continue
            for item in self._items_at(position):
                yield item
            position = item.offset + item.length

    def _sole_record(self, start: int) -> Record | None:
        """The record that a sound member holds alone, as nearly all do; None for anything else there."""
        whole = self._codec.whole(self._file, start, self._max_block + _HEAD_ROOM)
        return self._record_of(*whole, start) if whole else None

    def _record_of(self, data: bytes | bytearray, end: int, start: int) -> Record | None:
        head = self._grammar.parse(data)
        if not isinstance(head, Head) or head.block_bytes > self._max_block:
            return None
        block_start = head.head_bytes
        block_end = block_start + head.block_bytes
        if block_end > len(data) or data[block_end:].strip(_BLANK):
            return None
        return Record(start, end - start, head.kind, head.header, data, block_start, block_end)

    def _items_at(self, start: int) -> Iterable[Item | Padding]:
        """What starts there: at least one item, the last one ending where the next thing starts."""
        if not self._codec.starts_at(self._file, start):
            blank = blank_bytes(self._file, start)
            return (Padding(start, blank) if blank else self._lost(start, f"no {self._codec.name} starts here"),)
        member = self._codec.open(self._file, start)
        data = member.read(self._max_block + _HEAD_ROOM)
        whole = member.done
        while not member.done:
            member.read(_HEAD_ROOM)
        if member.fault:
            return (self._lost(start, member.fault),)
        if whole:
            return self._members_records(data, start, member.end)
        return self._large_member(start, member.end)

    def _members_records(self, data: bytes, start: int, end: int) -> Iterable[Item | Padding]:
        if record := self._record_of(data, end, start):
            return (record,)
        items = walk_records(BytesSource(data), self._grammar, self._max_block)
        return place_within(items, start, end)

    def _large_member(self, start: int, end: int) -> Iterator[Item | Padding]:
        segments = scan_segments(self._file, self._codec, start, end, self._grammar.begins)
        items = walk_records(DecodedSource(self._file, self._codec, segments), self._grammar, self._max_block)
        yield from place_within(items, start, end)

    def _lost(self, start: int, cause: str) -> Unreadable:
        following = find_member(self._file, self._codec, start + 1, self._grammar.begins)
        end = self._file.size if following is None else following
        return Unreadable(start, end - start, cause)


def place_within(items: Iterator[Item | Padding], start: int, end: int) -> Iterator[Item | Padding]:
    """Give the items of one member their places in the file.

    One item takes the whole span. Where several share a member, each takes one byte and the last one the
    rest: unique offsets that lie end to end, though only the member as a whole can be fetched.
    """
    held: Item | None = None
    offset = start
    for item in items:
        if isinstance(item, Padding):
            continue
        if held is not None:
            yield held._replace(offset=offset, length=1)
            offset += 1
        held = item
        if offset + 1 >= end:
            held = Unreadable(offset, 1, "more records in a member than it has bytes")
            break
    if held is None:
        yield Padding(start, end - start)
    else:
        yield held._replace(offset=offset, length=end - offset)


def is_record_a_member(file: Source, codec: Codec, grammar: Grammar) -> bool:
    """Do the first sound members hold one record each, rather than many in one or one across several?"""
    position = sound = 0
    for _ in range(_PROBED_MEMBERS):
        if not codec.starts_at(file, position):
            position = find_member(file, codec, position + 1, grammar.begins) or file.size
        if position >= file.size:
            break
        member = codec.open(file, position)
        data = member.read(_HEAD_ROOM)
        excess = _excess(data, grammar)
        whole = member.done
        while not member.done:
            member.read(_HEAD_ROOM)
        position = max(member.end, position + 1)
        if member.fault:  # what came out of it may run into the next one
            continue
        if excess > 0 and data[-excess:].strip(_BLANK):
            return False
        if whole and excess < 0 and not _begins_at(file, codec, grammar, position):
            return False
        sound += 1
    return sound > 0


def _excess(data: bytes, grammar: Grammar) -> int:
    """By how many bytes `data` exceeds its first record; negative where the record goes on beyond it."""
    head = grammar.parse(data)
    return len(data) - head.head_bytes - head.block_bytes if isinstance(head, Head) else 0


def _begins_at(file: Source, codec: Codec, grammar: Grammar, position: int) -> bool:
    """Does a member start at `position` (before the end) whose content begins a record?"""
    if position >= file.size:
        return True
    return codec.starts_at(file, position) and bool(grammar.begins.match(codec.prefix(file, position)))
