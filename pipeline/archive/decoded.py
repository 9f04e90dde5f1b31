"""A compressed file as the run of bytes it decompresses to, for archives with many records in one member.

The whole file is decompressed once to check it, before the first byte is handed out: a checksum stands at the
end of its member, and a record must not be passed on before it was checked. Compressed bytes that do not
decompress stand in the run as they are, so that what was lost has a place and a size.
"""

from __future__ import annotations

import bisect
import re
from typing import NamedTuple

from pipeline.archive.codec import CUT_SHORT, Codec, Member
from pipeline.archive.source import CHUNK, BytesSource, Source, find


class Segment(NamedTuple):
    """A part of the run: one member's bytes, or bytes of the file that do not decompress.

    Attributes:
        start: Where it starts in the run.
        length: Its size in the run.
        position: Where it starts in the file.
        decoded: Decompressed, else raw.
        doubt: Why its bytes may be wrong; None where they were checked.
    """

    start: int
    length: int
    position: int
    decoded: bool
    doubt: str | None


class DecodedSource:
    """See `Source`; the run of bytes a file's members decompress to.

    `loss_at_end` says, where the file was cut short, that something is missing after the last byte.

    Args:
        file: The compressed file.
        codec: Its compression.
        segments: From `scan_segments`.
    """

    def __init__(self, file: Source, codec: Codec, segments: list[Segment]) -> None:
        self._file, self._codec, self._segments = file, codec, segments
        self._starts = [segment.start for segment in segments]
        self._member: Member | None = None
        self._current: Segment | None = None
        self._window, self._window_start = b"", 0
        self.size = segments[-1].start + segments[-1].length if segments else 0
        self.loss_at_end = segments[-1].doubt if segments and not segments[-1].length else None

    def read(self, position: int, count: int) -> bytes:
        """See `Source`."""
        pieces = []
        while count > 0 and 0 <= position < self.size:
            segment = self._segments[bisect.bisect_right(self._starts, position) - 1]
            offset = position - segment.start
            piece = self._read_in(segment, offset, min(count, segment.length - offset))
            pieces.append(piece)
            position += len(piece)
            count -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def read_to(self, position: int, mark: bytes, count: int) -> bytes:
        """See `Source`."""
        return BytesSource(self.read(position, count)).read_to(0, mark, count)

    def doubt(self, start: int, end: int) -> str | None:
        """See `Source`."""
        first = bisect.bisect_right(self._starts, start) - 1
        for segment in self._segments[max(first, 0) :]:
            if segment.start >= end:
                break
            if segment.doubt:
                return segment.doubt
        return None

    def _read_in(self, segment: Segment, offset: int, count: int) -> bytes:
        if not segment.decoded:
            return self._file.read(segment.position + offset, count)
        if segment is not self._current or offset < self._window_start:
            self._current = segment
            self._member = self._codec.open(self._file, segment.position)
            self._window, self._window_start = b"", 0
        self._advance(offset, count)
        start = offset - self._window_start
        return self._window[start : start + count]

    def _advance(self, offset: int, count: int) -> None:
        """Decompress until the window holds `count` bytes from `offset`, and forget what lies before it."""
        end = self._window_start + len(self._window)
        if offset + count <= end:
            return
        while end <= offset:  # nothing of the window is wanted
            self._window, self._window_start = self._more(), end
            end += len(self._window)
        pieces = [self._window[offset - self._window_start :]]
        while offset + count > end:
            pieces.append(self._more())
            end += len(pieces[-1])
        self._window, self._window_start = b"".join(pieces), offset

    def _more(self) -> bytes:
        """The member's next bytes; there are some, for it was decompressed before.

        Raises:
            OSError: There are none: the file changed while it was read.
        """
        assert self._member is not None
        data = self._member.read(CHUNK)
        if not data and self._member.done:
            raise OSError("the file changed while it was read")
        return data


def scan_segments(file: Source, codec: Codec, start: int, end: int, begins: re.Pattern[bytes]) -> list[Segment]:
    """Decompress the file from start to end, keeping only where its members lie and whether they are sound.

    Args:
        begins: What a member's content begins with, to find the next one after damage.
    """
    segments: list[Segment] = []
    size = 0
    while start < end:
        found, start = _scan_member(file, codec, start, begins)
        for segment in found:
            segments.append(segment._replace(start=size))
            size += segment.length
    return [segment for segment in segments if segment.length or segment.doubt]


def _scan_member(file: Source, codec: Codec, start: int, begins: re.Pattern[bytes]) -> tuple[list[Segment], int]:
    """The segments of one member, their starts not yet set, and where the next one begins."""
    if not codec.starts_at(file, start):
        cause, good, length = f"no {codec.name} starts here", start, 0
    else:
        member = codec.open(file, start)
        length = 0
        while not member.done:
            length += len(member.read(CHUNK))
        if member.fault is None:
            return [Segment(0, length, start, True, None)], member.end
        if member.fault == CUT_SHORT:  # what came out before is what was written: only the end is missing
            return [
                Segment(0, length, start, True, None),
                Segment(0, 0, file.size, False, CUT_SHORT),
            ], file.size
        cause, good = member.fault or "", member.end
    following = find_member(file, codec, start + 1, begins) or file.size
    good = min(good, following - 1)  # what was lost takes up at least one byte of the run
    raw = Segment(0, following - good, good, False, cause)
    return [Segment(0, length, start, True, cause), raw], following


def find_member(file: Source, codec: Codec, start: int, begins: re.Pattern[bytes]) -> int | None:
    """Where the next member starts whose content begins as wanted; None where there is none."""
    magic = re.compile(re.escape(codec.magic))
    position = find(file, magic, start)
    while position is not None and not begins.match(codec.prefix(file, position)):
        position = find(file, magic, position + 1)
    return position
