"""The shape WARC and ARC share: a head that says how long the block is, the block, an end mark."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple, Protocol


class Head(NamedTuple):
    """What stands before a record's block; from `kind` on the same fields as in `Record`, in the same order.

    Attributes:
        head_bytes: Size of the head itself.
        block_bytes: Size of the block it announces.
    """

    head_bytes: int
    block_bytes: int
    kind: str
    record_id: str | None
    url: str | None
    date: datetime | None
    headers: dict[str, str]


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

    def parse(self, data: bytes, start: int = 0) -> Head | str | None:
        """The head at `start`; why there is none; or None where more bytes are needed to tell."""
        ...
