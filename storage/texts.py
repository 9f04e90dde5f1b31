"""Small text files as they are published: UTF-8, gzip or plain."""

from __future__ import annotations

import gzip
import zlib

_GZIP = b"\x1f\x8b"


def decode_text(data: bytes) -> str:
    """The text of a file. Whether it is gzip is told by its first bytes, as a server may have unpacked it on the way.

    Raises:
        ValueError: It is no UTF-8, or gzip that is damaged.
    """
    try:
        return (gzip.decompress(data) if data.startswith(_GZIP) else data).decode()
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(str(error)) from error
