"""What a ZIP file holds and where, by its central directory; and a deflated part as a source of bytes.

Source: APPNOTE.TXT, the ZIP file format, https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from __future__ import annotations

import re
import zipfile
from typing import IO, BinaryIO, NamedTuple, cast

import deflate
from isal import igzip_lib

from pipeline.archive.codec import CUT_SHORT
from pipeline.archive.decoded import DecodedSource, Segment
from pipeline.archive.gzip_codec import INFLATE_ERROR
from pipeline.archive.source import CHUNK, Source, find

MAGIC = b"PK\x03\x04"
_LOCAL_HEADER = 30
_NAME_BYTES = 1000  # of a name that are compared
_MAX_PARTS = 10_000  # a crawl has tens; each may have to be looked for
_MAX_READ = 16 << 20  # of a directory: 350,000 parts
_FEED = 1 << 16  # see gzip_codec
_CRC_FAULT = "ZIP part does not have the checksum it states"


class Part(NamedTuple):
    """A file in the ZIP.

    Attributes:
        name: Its path in the ZIP.
        start: Where its bytes start, after its local header.
        end: Where they end.
        method: 0 stored, 8 deflated; others are not read.
        crc: CRC-32 of its content.
        encrypted: Only someone with the password can read it.
    """

    name: str
    start: int
    end: int
    method: int
    crc: int
    encrypted: bool


def find_parts(stream: BinaryIO, file: Source) -> list[Part] | None:
    """The parts in the order they lie in the file, none overlapping; None where they cannot all be found.

    Bytes lost or added move what lies before them away from where the directory says. Parts are then looked for by
    name, and each goes on to the next one.
    """
    try:
        with zipfile.ZipFile(cast(IO[bytes], _Modest(stream))) as packed:
            listed, directory = packed.infolist(), packed.start_dir
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, OverflowError):
        return None
    if len(listed) > _MAX_PARTS:
        return None
    listed.sort(key=lambda entry: entry.header_offset)
    starts: list[int] = []
    for entry in listed:
        place = _local_header(file, entry, starts[-1] + 1 if starts else 0)
        if place is None:
            return None
        starts.append(place)
    moved = any(start != entry.header_offset for start, entry in zip(starts, listed, strict=True))
    limits = [*starts[1:], max(directory, starts[-1] + 1)] if starts else []
    parts = [_part(file, *place, moved) for place in zip(listed, starts, limits, strict=True)]
    return parts if all(part.start <= part.end <= file.size for part in parts) else None


def _local_header(file: Source, entry: zipfile.ZipInfo, search_from: int) -> int | None:
    """Where the part's local header stands: where the directory says, or the first with its name; None without."""
    name = entry.orig_filename.encode("utf-8" if entry.flag_bits & 0x800 else "cp437", "replace")
    pattern = re.compile(re.escape(MAGIC) + b".{%d}" % (_LOCAL_HEADER - 4) + re.escape(name[:_NAME_BYTES]), re.DOTALL)
    stated = entry.header_offset
    if stated >= search_from and pattern.match(file.read(stated, _LOCAL_HEADER + _NAME_BYTES)):
        return stated
    return find(file, pattern, search_from)


def _part(file: Source, entry: zipfile.ZipInfo, place: int, limit: int, moved: bool) -> Part:
    head = file.read(place, _LOCAL_HEADER)
    names = int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
    start = place + _LOCAL_HEADER + names
    end = limit if moved else min(start + entry.compress_size, limit)
    return Part(entry.filename, start, end, entry.compress_type, entry.CRC, bool(entry.flag_bits & 1))


class _Modest:
    """A stream that refuses to read much at once: a directory of gigabytes is damage or an attack."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, count: int = -1) -> bytes:
        data = self._stream.read(count if 0 <= count <= _MAX_READ else _MAX_READ + 1)
        if len(data) > _MAX_READ:
            raise zipfile.BadZipFile("the directory is too large")
        return data


class StoredPart:
    """See `Source`; a part as it stands in the file.

    Args:
        doubt: Why its bytes may be wrong; None where nothing speaks against them.
    """

    def __init__(self, file: Source, part: Part, doubt: str | None = None) -> None:
        self._file, self._start, self._doubt = file, part.start, doubt
        self.size = part.end - part.start

    def read(self, position: int, count: int) -> bytes:
        """See `Source`."""
        return self._file.read(self._start + position, max(min(count, self.size - position), 0))

    def read_to(self, position: int, mark: bytes, count: int) -> bytes:
        """See `Source`."""
        return self._file.read_to(self._start + position, mark, max(min(count, self.size - position), 0))

    def doubt(self, start: int, end: int) -> str | None:
        """See `Source`."""
        return self._doubt


def check_stored(file: Source, part: Part) -> str | None:
    """What speaks against the bytes of a stored part; None where its checksum holds."""
    crc = 0
    for position in range(part.start, part.end, CHUNK):
        crc = deflate.crc32(file.read(position, min(CHUNK, part.end - position)), crc)
    return None if crc == part.crc else _CRC_FAULT


def inflate(file: Source, part: Part) -> DecodedSource:
    """A deflated part as what it decompresses to; decompressed once beforehand to check it."""
    codec = _PartCodec(part)
    member = codec.open(file, part.start)
    length = 0
    while not member.done:
        length += len(member.read(CHUNK))
    segments = [Segment(0, length, part.start, True, member.fault)]
    if member.fault:
        segments.append(Segment(length, 0, part.end, False, member.fault))
    return DecodedSource(file, codec, segments)


class _PartCodec:
    """See `codec.Codec`; its only member is the part."""

    name = "ZIP part"
    magic = b""

    def __init__(self, part: Part) -> None:
        self._part = part

    def starts_at(self, source: Source, position: int) -> bool:
        return position == self._part.start

    def open(self, source: Source, position: int) -> _PartMember:
        return _PartMember(source, self._part)

    def whole(self, source: Source, position: int, max_bytes: int) -> None:
        return None

    def prefix(self, source: Source, position: int) -> bytes:
        return self.open(source, position).read(1)[:512]


class _PartMember:
    """See `codec.Member`."""

    def __init__(self, source: Source, part: Part) -> None:
        self._source, self._part = source, part
        self._inflater = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_DEFLATE)
        self._crc = 0
        self.end = part.start
        self.done = False
        self.fault: str | None = None

    def read(self, count: int) -> bytes:
        pieces: list[bytes] = []
        while count > 0 and not self.done:
            pieces.append(self._step())
            count -= len(pieces[-1])
        return b"".join(pieces)

    def _step(self) -> bytes:
        feed = self._source.read(self.end, min(_FEED, self._part.end - self.end))
        if not feed:
            return self._finish(CUT_SHORT)
        try:
            data: bytes = self._inflater.decompress(feed)
        except INFLATE_ERROR:
            return self._finish("ZIP part is damaged")
        self.end += len(feed)
        self._crc = deflate.crc32(data, self._crc)
        if self._inflater.eof:
            self._finish(None if self._crc == self._part.crc else _CRC_FAULT)
        return data

    def _finish(self, fault: str | None) -> bytes:
        self.done, self.fault = True, fault
        return b""
