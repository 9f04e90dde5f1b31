"""Bytes by position: what every parser reads from, whether a file as it stands or what it decompresses to."""

from __future__ import annotations

import re
from typing import BinaryIO, Protocol

CHUNK = 1 << 20
_OVERLAP = 1 << 12  # longest thing `find` looks for that may straddle two chunks
_BLANK = re.compile(rb"[\r\n\t ]*")


class Source(Protocol):
    """A run of bytes of known size, readable at any position, best in order."""

    size: int

    def read(self, position: int, count: int) -> bytes:
        """`count` bytes from `position`; fewer only at the end."""
        ...

    def read_to(self, position: int, mark: bytes, count: int) -> bytes:
        """The bytes from `position` up to the next `mark` after it; at most `count` of them."""
        ...

    def doubt(self, start: int, end: int) -> str | None:
        """Why the bytes from start to end may be wrong; None where nothing speaks against them."""
        ...


class FileSource:
    """The bytes of a seekable file.

    Args:
        stream: Seekable binary stream.
        size: Its size in bytes.
    """

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._start = 0
        self._buffer = b""
        self.size = size

    def read(self, position: int, count: int) -> bytes:
        """See `Source`; reads the file in pieces of a mebibyte."""
        start = position - self._start
        if start >= 0 and start + count <= len(self._buffer):
            return self._buffer[start : start + count]
        count = min(count, self.size - position)
        if count >= CHUNK:
            return self._fetch(position, count)
        if not 0 <= start <= start + count <= len(self._buffer):
            self._buffer = self._fetch(position, min(CHUNK, self.size - position))
            self._start = position
            start = 0
        return self._buffer[start : start + count]

    def read_to(self, position: int, mark: bytes, count: int) -> bytes:
        """See `Source`; without copying what lies beyond the mark."""
        start = position - self._start
        known = 0 <= start < len(self._buffer)
        found = self._buffer.find(mark, start + len(mark), start + count) if known else -1
        if found < 0 and not (known and self._holds(position + count)):  # it may lie beyond what was read
            self._buffer = self._fetch(position, min(max(count, CHUNK), self.size - position))
            self._start, start = position, 0
            found = self._buffer.find(mark, len(mark), count)
        return self._buffer[start : start + count if found < 0 else found]

    def doubt(self, start: int, end: int) -> str | None:
        """Nothing is known against a file's own bytes."""
        return None

    def _holds(self, end: int) -> bool:
        """Does the buffer go on to `end`, or to the end of the file?"""
        return self._start + len(self._buffer) >= min(end, self.size)

    def _fetch(self, position: int, count: int) -> bytes:
        self._stream.seek(position)
        pieces = []
        while count > 0 and (piece := self._stream.read(count)):
            pieces.append(piece)
            count -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class BytesSource:
    """Bytes already in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, position: int, count: int) -> bytes:
        """See `Source`."""
        return self._data[position : position + count]

    def read_to(self, position: int, mark: bytes, count: int) -> bytes:
        """See `Source`."""
        found = self._data.find(mark, position + len(mark), position + count)
        return self._data[position : position + count if found < 0 else found]

    def doubt(self, start: int, end: int) -> str | None:
        """Nothing is known against them."""
        return None


def find(source: Source, pattern: re.Pattern[bytes], start: int) -> int | None:
    """Position of the first match of `pattern` (at most 4 KiB long) at or after `start`; None without one."""
    while start < source.size:
        chunk = source.read(start, CHUNK)
        if match := pattern.search(chunk):
            return start + match.start()
        if len(chunk) < CHUNK:
            return None
        start += CHUNK - _OVERLAP
    return None


def blank_bytes(source: Source, start: int) -> int:
    """How many bytes of white space follow `start`."""
    position = start
    while position < source.size:
        chunk = source.read(position, 64 if position == start else CHUNK)
        match = _BLANK.match(chunk)
        blank = match.end() if match else 0
        position += blank
        if blank < len(chunk) or not chunk:
            break
    return position - start
