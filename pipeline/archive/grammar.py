"""The shape WARC and ARC share: a head that says how long the block is, the block, an end mark."""

from __future__ import annotations

import re
from typing import NamedTuple, Protocol

from pipeline.archive.records import Header


class Head(NamedTuple):
    """What stands before a record's block.

    Attributes:
        head_bytes: Size of the head itself.
        block_bytes: Size of the block it announces.
        kind: See `Record`.
        header: See `Record`.
    """

    head_bytes: int
    block_bytes: int
    kind: str
    header: Header


class Grammar(Protocol):
    """A format of records.

    Attributes:
        begins: What an archive or a member begins with.
        resumes: What a record looks like from its first byte, strict enough to search for after damage.
        terminator: What always follows a block; empty where nothing certain does.
    """

    name: str
    begins: re.Pattern[bytes]
    resumes: re.Pattern[bytes]
    terminator: bytes

    def parse(self, data: bytes | bytearray, start: int = 0) -> Head | str | None:
        """The head at `start`; why there is none; or None where more bytes are needed to tell."""
        ...
