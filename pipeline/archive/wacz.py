"""WACZ: the WARC files in a ZIP, each record at its place in the ZIP; the ZIP's other bytes as records of kind "zip".

A `.warc.gz` is stored in it as it is, so offset and length of a record are a byte range of the file from which it
can be read again alone. Where the ZIP deflated the archive or all records share a member, each record takes one
byte of the part's span and the last one the rest, as in `members`.

Source: WACZ 1.1, https://specs.webrecorder.net/wacz/1.1.1/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pipeline.archive.members import place_within
from pipeline.archive.records import Item, KnownHeader, Padding, Record, Unreadable
from pipeline.archive.source import Source
from pipeline.archive.zip_parts import Part, StoredPart, check_stored, inflate

_SUFFIXES = tuple(kind + packed for kind in (".warc", ".arc") for packed in ("", ".gz", ".zst"))
_STORED, _DEFLATED = 0, 8

Reader = Callable[[Source], tuple[Iterator[Item | Padding], bool]]
"""Reads a part: its items, and whether their offsets count in the part's own bytes."""


def archive_parts(parts: Sequence[Part]) -> list[Part]:
    """Those that are archives, by their names, as the standard has it."""
    return [part for part in parts if part.name.lower().endswith(_SUFFIXES)]


def walk_parts(file: Source, archives: Sequence[Part], read: Reader) -> Iterator[Item | Padding]:
    """Everything in the ZIP, end to end.

    Args:
        archives: From `archive_parts`.
        read: Reads one of them.
    """
    position = 0
    for part in archives:
        yield _frame(position, part.start)
        yield from _part_items(file, part, read)
        position = part.end
    if position < file.size:
        yield _frame(position, file.size)


def _frame(start: int, end: int) -> Record:
    """What is no archive: headers, indexes, page lists, the directory."""
    return Record(start, end - start, "zip", KnownHeader())


def _part_items(file: Source, part: Part, read: Reader) -> Iterator[Item | Padding]:
    if part.start == part.end:
        return
    if part.encrypted or part.method not in (_STORED, _DEFLATED):
        cause = "encrypted" if part.encrypted else f"compressed by ZIP method {part.method}, which is not read"
        yield Unreadable(part.start, part.end - part.start, f"{part.name[:200]} is {cause}")
        return
    items, in_part = read(_content(file, part))
    if in_part and part.method == _STORED:
        for item in items:
            yield item._replace(offset=item.offset + part.start)
    else:
        yield from place_within(items, part.start, part.end)


def _content(file: Source, part: Part) -> Source:
    if part.method == _DEFLATED:
        return inflate(file, part)
    packed = part.name.lower().endswith((".gz", ".zst"))  # checked member by member
    return StoredPart(file, part, None if packed else check_stored(file, part))
