"""JSON lines: one document a line, its text under a key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from pipeline.archive.records import Item, KnownHeader, Padding, Problem, Record, Unreadable
from pipeline.archive.rows import row_record
from pipeline.archive.source import CHUNK, Source, find

BEGINS = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"(?:[^"\\\n]|\\.)*"\s*:')
_LINE_END = re.compile(rb"\n")
_BAD_LINE = "not a JSON object, or one of too many values"
_MAX_VALUES = 8_000_000  # commas in texts counted too: an empty object takes 3 bytes of the line, and 64 of memory


def walk_lines(source: Source, text_field: str, max_text: int) -> Iterator[Item | Padding]:
    """A record a line; a line that is no JSON object is unreadable, alone.

    Args:
        max_text: A longer line is not read; its record carries the problem `too_large`.
    """
    for start, length, line in _lines(source, max_text):
        if line is None:
            problem = Problem("too_large", f"line of {length} bytes, max_record_bytes is {max_text}")
            yield Record(start, length, "text", KnownHeader(), problem=problem)
        elif not line.strip():
            yield Padding(start, length)
        elif doubt := source.doubt(start, start + length):
            yield Unreadable(start, length, doubt)
        else:
            yield _read_line(line, start, length, text_field)


def is_json_line(line: bytes) -> bool:
    """Is the line a JSON object?"""
    return _parse(line) is not None


def _read_line(line: bytes, start: int, length: int, text_field: str) -> Item:
    row = _parse(line)
    if row is None:
        return Unreadable(start, length, _BAD_LINE)
    return row_record(row, start, length, text_field)


def _parse(line: bytes) -> dict[str, Any] | None:
    if sum(map(line.count, (b",", b"[", b"{"))) > _MAX_VALUES:
        return None
    try:
        row = json.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _lines(source: Source, max_line: int) -> Iterator[tuple[int, int, bytes | None]]:
    """Offset, length and bytes (None: too long to read) of every line, its end included."""
    position = 0
    while position < source.size:
        chunk = source.read(position, CHUNK)
        complete = chunk.rfind(b"\n") + 1
        if complete:
            start = 0
            while start < complete:
                end = chunk.index(b"\n", start) + 1
                yield position + start, end - start, chunk[start:end]
                start = end
            position += complete
        else:
            found = find(source, _LINE_END, position + len(chunk))
            end = source.size if found is None else found + 1
            length = end - position
            yield position, length, source.read(position, length) if length <= max_line else None
            position = end
