"""What a file is, told from its bytes alone: names lie, and `.gz` says nothing of what is inside."""

from __future__ import annotations

import re
from typing import NamedTuple

from pipeline.archive.arc import ArcGrammar
from pipeline.archive.codec import Codec
from pipeline.archive.decoded import find_member
from pipeline.archive.grammar import Grammar
from pipeline.archive.gzip_codec import GzipCodec
from pipeline.archive.jsonl import BEGINS as JSONL_BEGINS
from pipeline.archive.jsonl import is_json_line
from pipeline.archive.source import Source, find
from pipeline.archive.warc import WarcGrammar
from pipeline.archive.zstd_codec import zstd_codec

GRAMMARS: tuple[Grammar, ...] = (WarcGrammar(), ArcGrammar())
_LOOK = 1 << 16
_OTHERS = {
    b"PK\x03\x04": "a ZIP whose directory cannot be read, without an archive in it",
    b"BZh": "bzip2 data, which is not read",
    b"\xfd7zXZ": "xz data, which is not read",
    b"%PDF": "a PDF document",
}


class Layout(NamedTuple):
    """How the bytes are to be read.

    Attributes:
        codec: Compression; None for none.
        grammar: WARC or ARC; None for JSON lines.
    """

    codec: Codec | None
    grammar: Grammar | None

    @property
    def begins(self) -> re.Pattern[bytes]:
        """What the content of a member begins with."""
        return self.grammar.begins if self.grammar else JSONL_BEGINS


def sniff(source: Source) -> Layout | str:
    """The layout of the file, or in words what it is instead of an archive."""
    codecs: tuple[Codec, ...] = (GzipCodec(), zstd_codec(source))
    codec = next((codec for codec in codecs if codec.starts_at(source, 0)), None)
    content = _first_content(source, codec) if codec else source.read(0, _LOOK)
    for grammar in GRAMMARS:
        if grammar.begins.match(content):
            return Layout(codec, grammar)
    if JSONL_BEGINS.match(content) or any(is_json_line(line) for line in content.split(b"\n")[:-1]):
        return Layout(codec, None)
    return _search(source, codecs) or _describe(source, codec, content)


def _first_content(source: Source, codec: Codec) -> bytes:
    """The first decompressed bytes of the first member that has any."""
    position = 0
    content = b""
    while position < source.size and not content.strip() and codec.starts_at(source, position):
        member = codec.open(source, position)
        content = member.read(_LOOK)
        while not content and not member.done:
            content = member.read(_LOOK)
        if not member.done:
            break
        position = max(member.end, position + 1)
    return content


def _search(source: Source, codecs: tuple[Codec, ...]) -> Layout | None:
    """The layout of the first record found anywhere, for a file whose beginning is damaged."""
    for grammar in GRAMMARS:
        places: list[tuple[int | None, Codec | None]] = [(find(source, grammar.resumes, 0), None)]
        places += [(find_member(source, codec, 0, grammar.begins), codec) for codec in codecs]
        found = [(position, codec) for position, codec in places if position is not None]
        if found:
            return Layout(min(found, key=lambda place: place[0])[1], grammar)
    return None


def _describe(source: Source, codec: Codec | None, content: bytes) -> str:
    if codec:
        return f"{codec.name.split()[0]} data that holds no WARC, ARC or JSON lines"
    for magic, what in _OTHERS.items():
        if content.startswith(magic):
            return f"not an archive: {what}"
    return "not an archive: no WARC, ARC, JSON lines or Parquet in it"
