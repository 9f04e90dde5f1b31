"""Compressed containers, seen alike: a row of members (gzip) or frames (zstd), each found and read alone."""

from __future__ import annotations

from typing import Protocol

from pipeline.archive.source import Source

CUT_SHORT = "compressed data is cut short"


class Member(Protocol):
    """One gzip member or zstd frame, decompressed in pieces.

    Attributes:
        done: Nothing more will come: it ended, or it broke.
        fault: Why it broke; None while nothing did. Its checksum, where it has one, has held once `done`.
        end: Position in the file after it; where it broke, a position up to which decompression went well.
    """

    done: bool
    fault: str | None
    end: int

    def read(self, count: int) -> bytes:
        """At least the next `count` bytes, at most 68 MB more; fewer when the member ends or breaks."""
        ...


class Codec(Protocol):
    """A kind of compression."""

    name: str
    magic: bytes

    def starts_at(self, source: Source, position: int) -> bool:
        """Does a member start there, by its first bytes?"""
        ...

    def open(self, source: Source, position: int) -> Member:
        """The member that starts at `position`."""
        ...

    def whole(self, source: Source, position: int, max_bytes: int) -> tuple[bytes | bytearray, int] | None:
        """What the member there decompresses to, and where it ends: at once, where that is quicker.

        None where the member is damaged, too large, or ends elsewhere than it seems to: `open` takes it in pieces.
        """
        ...

    def prefix(self, source: Source, position: int) -> bytes:
        """The first decompressed bytes (at most 512) of the member there; empty where it is damaged."""
        ...
