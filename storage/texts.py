"""Small text files as they are published: UTF-8, gzip or plain; and what JSON can say that UTF-8 cannot."""

from __future__ import annotations

import gzip
import zlib

_GZIP = b"\x1f\x8b"


def decode_text(data: bytes) -> str:
    """The text of a file, unpacked where it is gzip; a server may have unpacked it on the way.

    Raises:
        ValueError: It is no UTF-8, or gzip that is damaged.
    """
    return (gunzip(data) if data.startswith(_GZIP) else data).decode()


def gunzip(data: bytes) -> bytes:
    """What is in gzip, whatever the number of its members.

    Raises:
        ValueError: It is no gzip, damaged or cut short.
    """
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(str(error)) from error


def without_surrogates(text: str) -> str:
    """The text with U+FFFD for each lone surrogate, which JSON can say and UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
