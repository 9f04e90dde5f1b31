"""gzip members (RFC 1952), inflated by libdeflate at once or by ISA-L in pieces; CRC and size are checked."""

from __future__ import annotations

from typing import cast

import deflate
from isal import igzip_lib

from pipeline.archive.codec import CUT_SHORT
from pipeline.archive.source import CHUNK, Source

INFLATE_ERROR = cast(type[Exception], igzip_lib.IsalError)  # the stub declares an instance
_MAGIC = b"\x1f\x8b\x08"
_FEED = 1 << 16
"""Bytes given to the inflater at a time, and no more than up to what looks like the next member: what it does
not use is copied back. Deflate grows 1032-fold at most, so a step yields 68 MB at most. (Asking the inflater
itself for a limit halves its speed.)"""
_MAX_GROWTH = 1032  # of deflate


class GzipMember:
    """See `codec.Member`."""

    __slots__ = ("_inflater", "_next", "_source", "done", "end", "fault")

    def __init__(self, source: Source, position: int) -> None:
        self._source = source
        self._inflater = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP)
        self._next = position
        self.end = position
        self.fault: str | None = None
        self.done = False

    def read(self, count: int) -> bytes:
        """See `codec.Member`."""
        data = b"" if self.done else self._step()
        if self.done or len(data) >= count:
            return data
        pieces = [data]
        count -= len(data)
        while count > 0 and not self.done:
            pieces.append(self._step())
            count -= len(pieces[-1])
        return b"".join(pieces)

    def _step(self) -> bytes:
        inflater = self._inflater
        feed = self._source.read_to(self._next, _MAGIC, _FEED)
        self.end = self._next
        if not feed:
            return self._break(CUT_SHORT)
        try:
            data: bytes = inflater.decompress(feed)
        except INFLATE_ERROR as error:
            return self._break(f"gzip member is damaged: {_words(error)}")
        self._next += len(feed)
        if inflater.eof:
            self.done = True
            self.end = self._next - len(inflater.unused_data)
        return data

    def _break(self, fault: str) -> bytes:
        self.done = True
        self.fault = fault
        return b""


def _words(error: Exception) -> str:
    text = str(error)
    return text.split(" ", 2)[-1].lower() if text.startswith("Error") else text.lower()


class GzipCodec:
    """See `codec.Codec`."""

    name = "gzip member"
    magic = _MAGIC

    def starts_at(self, source: Source, position: int) -> bool:
        """See `codec.Codec`."""
        return source.read(position, 3) == self.magic

    def open(self, source: Source, position: int) -> GzipMember:
        """See `codec.Codec`."""
        return GzipMember(source, position)

    def whole(self, source: Source, position: int, max_bytes: int) -> tuple[bytearray, int] | None:
        """See `codec.Codec`; by libdeflate, which wants the member's extent and size beforehand.

        The extent is guessed: up to the next member's magic. It was right if the last eight bytes there are the
        checksum and the size of what comes out. (They still are where a part of the member that ends with them
        stands there twice; the repeated bytes then count as padding.)
        """
        member = source.read_to(position, _MAGIC, CHUNK)
        size = int.from_bytes(member[-4:], "little")
        if not 0 < size <= max_bytes or size > _MAX_GROWTH * len(member):
            return None
        try:
            data = deflate.gzip_decompress(member, size)
        except (deflate.DeflateError, ValueError):  # damaged; too short to be a member
            return None
        sound = len(data) == size and deflate.crc32(data) == int.from_bytes(member[-8:-4], "little")
        return (data, position + len(member)) if sound else None

    def prefix(self, source: Source, position: int) -> bytes:
        """See `codec.Codec`."""
        inflater = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP)
        try:
            data: bytes = inflater.decompress(source.read(position, 512))
        except INFLATE_ERROR:
            return b""
        return data[:512]
