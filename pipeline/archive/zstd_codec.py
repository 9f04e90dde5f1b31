"""zstd frames (RFC 8878) and the dictionary frame of `.warc.zst`.

Source: https://iipc.github.io/warc-specifications/specifications/warc-zstd/
"""

from __future__ import annotations

from typing import BinaryIO, cast

import zstandard

from pipeline.archive.codec import CUT_SHORT
from pipeline.archive.source import CHUNK, Source

_MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = b"\x2a\x4d\x18"  # after a byte 50 to 5F
_DICTIONARY = b"\x5d\x2a\x4d\x18"
_MAX_DICTIONARY = 32 << 20
_MAX_WINDOW = 128 << 20  # memory a frame may ask for


class ZstdFrame:
    """See `codec.Member`. The frame's extent is known from its block headers, before any decompression."""

    def __init__(self, source: Source, position: int, decompressor: zstandard.ZstdDecompressor) -> None:
        self.end, self._broken = _frame_end(source, position)
        self.fault: str | None = None
        self.done = False
        self._start = position
        part = cast(BinaryIO, _Slice(source, position, self.end))
        self._skip = is_skippable(source, position)
        self._reader = decompressor.stream_reader(part, read_size=1 << 17)

    def read(self, count: int) -> bytes:
        """See `codec.Member`."""
        if self.done or self._skip:
            return self._finish(self._broken)
        pieces = []
        try:
            while count and (piece := self._reader.read(count)):
                pieces.append(piece)
                count -= len(piece)
        except zstandard.ZstdError as error:
            self.end = self._start
            words = str(error).removeprefix("zstd decompress error: ").lower()
            self._finish(self._broken or f"zstd frame is damaged: {words}")
        if count:
            self._finish(self._broken)
        return b"".join(pieces)

    def _finish(self, fault: str | None) -> bytes:
        self.done = True
        self.fault = self.fault or fault
        return b""


class _Slice:
    """A part of a source as a file that can only be read on."""

    def __init__(self, source: Source, start: int, end: int) -> None:
        self._source, self._next, self._end = source, start, end

    def read(self, count: int = -1) -> bytes:
        left = self._end - self._next
        data = self._source.read(self._next, left if count < 0 else min(count, left))
        self._next += len(data)
        return data


class ZstdCodec:
    """See `codec.Codec`.

    Args:
        dictionary: What the frames refer to; empty for none.
    """

    name = "zstd frame"
    magic = _MAGIC

    def __init__(self, dictionary: bytes = b"") -> None:
        known = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
        self._decompressor = zstandard.ZstdDecompressor(dict_data=known, max_window_size=_MAX_WINDOW)

    def starts_at(self, source: Source, position: int) -> bool:
        """See `codec.Codec`."""
        return source.read(position, 4) == _MAGIC or is_skippable(source, position)

    def open(self, source: Source, position: int) -> ZstdFrame:
        """See `codec.Codec`."""
        return ZstdFrame(source, position, self._decompressor)

    def whole(self, source: Source, position: int, max_bytes: int) -> tuple[bytes, int] | None:
        """See `codec.Codec`."""
        end, broken = _frame_end(source, position)
        if broken or end - position > CHUNK or is_skippable(source, position):
            return None
        frame = source.read(position, end - position)
        try:
            size = zstandard.frame_content_size(frame)
            return (self._decompressor.decompress(frame), end) if 0 < size <= max_bytes else None
        except zstandard.ZstdError:
            return None

    def prefix(self, source: Source, position: int) -> bytes:
        """See `codec.Codec`."""
        if is_skippable(source, position):
            return b""
        part = cast(BinaryIO, _Slice(source, position, source.size))
        reader = self._decompressor.stream_reader(part, read_size=1 << 17)
        try:
            return bytes(reader.read(512))
        except zstandard.ZstdError:
            return b""


def is_skippable(source: Source, position: int) -> bool:
    """Does a skippable frame, which holds no content, start there?"""
    head = source.read(position, 4)
    return head[1:] == _SKIPPABLE and head[0] >> 4 == 5


def zstd_codec(source: Source) -> ZstdCodec:
    """A codec with the dictionary the file begins with, if it does."""
    if source.read(0, 4) != _DICTIONARY:
        return ZstdCodec()
    size = int.from_bytes(source.read(4, 4), "little")
    dictionary = source.read(8, min(size, _MAX_DICTIONARY))
    if dictionary[:4] == _MAGIC:
        try:
            dictionary = zstandard.ZstdDecompressor().stream_reader(dictionary).read(_MAX_DICTIONARY)
        except zstandard.ZstdError:
            dictionary = b""
    return ZstdCodec(dictionary)


def _frame_end(source: Source, position: int) -> tuple[int, str | None]:
    """Where the frame ends, and what is wrong with its outline (then: how far it goes)."""
    if is_skippable(source, position):
        end = position + 8 + int.from_bytes(source.read(position + 4, 4), "little")
        return (end, None) if end <= source.size else (source.size, CUT_SHORT)
    descriptor = source.read(position + 4, 1)
    if not descriptor:
        return source.size, CUT_SHORT
    at = position + 5 + _header_bytes(descriptor[0])
    while True:
        head = int.from_bytes(source.read(at, 3), "little")
        last, kind, size = head & 1, head >> 1 & 3, head >> 3
        if kind == 3:
            return at, "zstd frame is damaged: reserved block type"
        at += 3 + (1 if kind == 1 else size)
        if at > source.size:
            return source.size, CUT_SHORT
        if last:
            break
        if at == source.size:
            return source.size, CUT_SHORT
    at += 4 if descriptor[0] & 4 else 0
    return (at, None) if at <= source.size else (source.size, CUT_SHORT)


def _header_bytes(descriptor: int) -> int:
    """Size of the frame header after its descriptor: window, dictionary id, content size."""
    single = descriptor >> 5 & 1
    content_size = (1 if single else 0, 2, 4, 8)[descriptor >> 6]
    return (0 if single else 1) + (0, 1, 2, 4)[descriptor & 3] + content_size
