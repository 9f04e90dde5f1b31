"""Media types: as declared, and as the bytes look.

Source: WHATWG MIME Sniffing, https://mimesniff.spec.whatwg.org/ (what tells pages from other things)
"""

from __future__ import annotations

import re

_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")
_UNSAID = frozenset(("application/octet-stream", "binary/octet-stream", "unknown/unknown", "application/unknown"))
_MAGIC = {
    b"%PDF-": "application/pdf",
    b"\x89PNG": "image/png",
    b"GIF8": "image/gif",
    b"\xff\xd8\xff": "image/jpeg",
    b"PK\x03\x04": "application/zip",
    b"\x1f\x8b\x08": "application/gzip",
    b"RIFF": "audio/video",
    b"wOF": "font/woff",
    b"OggS": "application/ogg",
    b"ID3": "audio/mpeg",
    b"\x00\x00\x01\x00": "image/x-icon",
    b"7z\xbc\xaf": "application/x-7z-compressed",
    b"Rar!": "application/vnd.rar",
}
_BINARY = tuple(_MAGIC)
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_HTML = re.compile(
    rb"\s*(?:<!--.{0,800}?-->\s*)*<(?:!doctype\s+html|html|head|body|title|script|style|meta|link|h1|div|p|a|b|br"
    rb"|table|ul|font|iframe|img|section|article|main)[\s>/]|\s*<!--",
    re.IGNORECASE | re.DOTALL,
)
_XHTML = re.compile(rb"<html[\s>]", re.IGNORECASE)
_LOOK = 1024


def parse_mime(value: str | None) -> str | None:
    """A Content-Type's media type, lower case and without parameters; None where it names none or any."""
    if not value:
        return None
    match = _TYPE.match(value.lstrip().lower())
    return match[0] if match and match[0] not in _UNSAID else None


def sniff_mime(body: bytes) -> str | None:
    """The media type the bytes look like; None for an empty body."""
    if not body:
        return None
    if magic := binary_mime(body):
        return magic
    head = body[:_LOOK]
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):  # UTF-16: look at its letters
        head = head[2:].replace(b"\0", b"")
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"<?xml"):
        return "application/xhtml+xml" if _XHTML.search(head) else "text/xml"
    if _HTML.match(head):
        return "text/html"
    return "text/plain" if looks_like_text(head) else "application/octet-stream"


def binary_mime(body: bytes) -> str | None:
    """The media type of a body that begins like a well-known binary format; else None."""
    if not body.startswith(_BINARY):
        return None
    return next(mime for magic, mime in _MAGIC.items() if body.startswith(magic))


def looks_like_text(data: bytes) -> bool:
    """Are its first bytes free of control characters that no text holds?"""
    return not _CONTROL.search(data, 0, _LOOK)
