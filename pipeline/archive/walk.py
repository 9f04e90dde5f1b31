"""Records one after another in a run of bytes; damage costs the record it hit."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.archive.digests import block_digest_holds
from pipeline.archive.grammar import Grammar, Head
from pipeline.archive.records import Padding, Problem, Record, Unreadable
from pipeline.archive.source import Source, blank_bytes, find

_HEAD_BYTES = (1 << 12, 1 << 16, 1 << 20)  # heads are looked for in so many bytes; a longer one is damage


def walk_records(source: Source, grammar: Grammar, max_block: int) -> Iterator[Record | Unreadable | Padding]:
    """Everything in `source`, end to end.

    Args:
        max_block: A larger block is not read; its record carries the problem `too_large`.
    """
    position = 0
    while position < source.size:
        if blank := blank_bytes(source, position):
            yield Padding(position, blank)
            position += blank
            continue
        item = _read_item(source, grammar, position, max_block)
        yield item
        position += item.length


def _read_item(source: Source, grammar: Grammar, start: int, max_block: int) -> Record | Unreadable:
    head = _read_head(source, grammar, start)
    if isinstance(head, str):
        return _lost(source, grammar, start, start + 1, head)
    block_start = start + head.head_bytes
    end = block_start + head.block_bytes
    if not _ends_record(source, grammar, end):
        cause = f"Content-Length is {head.block_bytes} bytes, but the record does not end there"
        if end > source.size:
            cause = f"cut short: {source.size - block_start} of {head.block_bytes} bytes"
        return _lost(source, grammar, start, block_start, cause)
    return _judge(source, head, start, end + blank_bytes(source, end), max_block)


def _read_head(source: Source, grammar: Grammar, start: int) -> Head | str:
    for size in _HEAD_BYTES:
        data = source.read(start, size)
        head = grammar.parse(data)
        if head is not None:
            return head
        if len(data) < size:
            break
    return f"{grammar.name.upper()} header has no end"


def _ends_record(source: Source, grammar: Grammar, end: int) -> bool:
    """Does what follows a block show that the block ended there?"""
    if end >= source.size:
        return end == source.size
    if grammar.terminator and source.read(end, len(grammar.terminator)) == grammar.terminator:
        return True
    following = end + blank_bytes(source, end)
    return following == source.size or isinstance(_read_head(source, grammar, following), Head)


def _judge(source: Source, head: Head, start: int, end: int, max_block: int) -> Record | Unreadable:
    size = head.block_bytes
    problem = None
    block = b""
    if size > max_block:
        problem = Problem("too_large", f"block of {size} bytes, max_record_bytes is {max_block}")
    else:
        block = source.read(start + head.head_bytes, size)
    record = Record(start, end - start, head.kind, head.header, block, 0, len(block), problem)
    doubt = source.doubt(start, end)
    if doubt and (problem or not block_digest_holds(record)):
        return Unreadable(start, end - start, doubt)
    return record


def _lost(source: Source, grammar: Grammar, start: int, search_from: int, cause: str) -> Unreadable:
    """The span from `start` to the next record that can be found."""
    following = find(source, grammar.resumes, search_from)
    end = source.size if following is None else following
    return Unreadable(start, end - start, source.doubt(start, end) or cause)
