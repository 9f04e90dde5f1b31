"""Bytes of a page to UTF-8: which character set, and characters no text should hold removed.

Source: WHATWG HTML, determining the character encoding,
    https://html.spec.whatwg.org/#determining-the-character-encoding
"""

from __future__ import annotations

import codecs
import re

import numpy as np
import pyarrow as pa
from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_META_BYTES = 4096
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_HIGH_BYTES = bytes(range(128, 256))
_MAX_BROKEN = 100  # one character in so many may be broken before a declared character set is not believed
_META = re.compile(rb"""<meta[^>]{1,1000}?charset\s*=\s*["']?\s*([a-zA-Z0-9_.:-]{1,40})""", re.IGNORECASE)
_XML = re.compile(rb"""^\s*<\?xml[^>]{1,200}?encoding\s*=\s*["']([a-zA-Z0-9_.:-]{1,40})""")


def decode_page(body: bytes, charset_hint: str | None) -> tuple[bytes, str]:
    """The page as UTF-8, with line ends as `\\n` and without NULs, and the character set it was in.

    A byte order mark decides, then the HTTP header, then what the page says of itself, then detection. A
    declared character set that the bytes do not fit gives way: to UTF-8 where they are that, else to
    detection.
    """
    for bom, charset in _BOMS:
        if body.startswith(bom):
            return _clean(_recoded(body[len(bom) :], charset)), charset
    declared = _credible(_known(charset_hint), body) or _stated(body)
    for charset in dict.fromkeys((declared or "utf-8", "utf-8")):
        page = _decode_well(body, charset)
        if page is not None:
            return _clean(page), charset
    detected = map_encoding_to_html5(detect_encoding(body) or "utf-8") or "utf-8"
    return _clean(_recoded(body, detected)), detected


def _known(label: str | None) -> str | None:
    """The character set a label stands for on the web; None for a label that stands for none."""
    name = map_encoding_to_html5(label.strip(), fallback_utf8=False) if label else None
    return str(name) if name else None


def _credible(charset: str | None, body: bytes) -> str | None:
    """The character set, unless it is UTF-16 and no byte is zero: any bytes fit that, and a page's markup has zeros."""
    utf16 = charset is not None and charset.startswith("utf-16")
    return None if utf16 and b"\0" not in body[:_META_BYTES] else charset


def _stated(body: bytes) -> str | None:
    """What the page says of itself in its first bytes; UTF-16 cannot be true where that was readable."""
    head = body[:_META_BYTES]
    match = _META.search(head) or _XML.search(head)
    charset = _known(match[1].decode("ascii")) if match else None
    return "utf-8" if charset and charset.startswith("utf-16") else charset


def _decode_well(body: bytes, charset: str) -> bytes | None:
    """The page as UTF-8 where its bytes fit the character set, but for a few broken ones; else None."""
    if charset == "utf-8" and _is_utf8(body):
        return body
    try:
        return _encoded(body.decode(charset))
    except UnicodeDecodeError:
        text = body.decode(charset, "replace")
    except LookupError:
        return None
    broken = text.count(_REPLACEMENT)
    if charset == "utf-8":  # text in another character set has next to no sound sequences
        return _encoded(text) if len(text) - broken - _ascii_bytes(body) > broken else None
    return _encoded(text) if broken * _MAX_BROKEN < len(text) else None


def _is_utf8(body: bytes) -> bool:
    """Whether the bytes are UTF-8; asked of Arrow, as a `str` takes up to four times their memory."""
    offsets = pa.py_buffer(np.array([0, len(body)], np.int64).data)
    try:
        pa.Array.from_buffers(pa.large_string(), 1, [None, offsets, pa.py_buffer(body)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _recoded(body: bytes, charset: str) -> bytes:
    return _encoded(body.decode(charset, "replace"))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _ascii_bytes(body: bytes) -> int:
    return len(body.translate(None, _HIGH_BYTES))


def _clean(page: bytes) -> bytes:
    return page.replace(b"\0", b"").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
