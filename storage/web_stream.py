"""A web file as the seekable stream that readers of archives want."""

from __future__ import annotations

import io
from collections.abc import Generator
from typing import Any

from storage.web import WebFile


class WebStream(io.RawIOBase):
    """A web file as a seekable stream: one long answer as long as it is read in order.

    Args:
        file: What to read.
    """

    def __init__(self, file: WebFile) -> None:
        self._file = file
        self._place = 0
        self._pieces: Generator[bytes, None, None] | None = None
        self._piece, self._piece_start = b"", 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = (0, self._place, self._file.version.size if whence == io.SEEK_END else 0)[whence]
        self._place = base + offset
        return self._place

    def readinto(self, buffer: Any) -> int:
        offset = self._place - self._piece_start
        if not 0 <= offset < len(self._piece):
            self._piece, offset = self._next_piece(), 0
        count = min(len(buffer), len(self._piece) - offset)
        buffer[:count] = self._piece[offset : offset + count]
        self._place += count
        return count

    def close(self) -> None:
        self._stop()
        super().close()

    def _next_piece(self) -> bytes:
        """What there is at the place; empty at the end of the file."""
        if self._pieces is None or self._place != self._piece_start + len(self._piece):
            self._stop()
            self._pieces = self._file.stream(self._place)
        self._piece_start = self._place
        try:
            return next(self._pieces, b"")
        except BaseException:
            self._stop()  # a generator that failed looks like one that ended, and its file like a whole one
            raise

    def _stop(self) -> None:
        if self._pieces is not None:
            self._pieces.close()  # lets its connection go
        self._pieces, self._piece = None, b""
