"""HTTP responses as archives keep them: tolerant of what servers send, strict about what is missing.

Source: RFC 9112 (messages, chunked coding), RFC 9110 (content codings).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from pipeline.archive.encodings import undo_encodings
from pipeline.archive.headers import find_head_end, parse_fields
from pipeline.archive.records import Problem, Record

_STATUS = re.compile(rb"\s*(?:HTTP/\d(?:\.\d+)?|ICY)[ \t]+(\d{3})")
_CHUNK = re.compile(rb"[ \t]*([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]{0,4096})?\r?\n")
_LENGTH = re.compile(r"[0-9]{1,15}")
_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)


class Message(NamedTuple):
    """An HTTP response: its status, fields by lower-case name, and its body as sent, not copied."""

    status: int
    fields: dict[str, str]
    body: memoryview


def parse_message(record: Record) -> Message | None:
    """The response a record's block holds; None where it holds none. Without a blank line all of it is header."""
    content, end = record.content, record.end
    status = _STATUS.match(content, record.start, end)
    if status is None:
        return None
    head_end, body_start = find_head_end(content, status.end(), end)
    if head_end < 0:
        head_end = body_start = end
    fields = parse_fields(str(content[status.end() : head_end], "latin-1"))
    return Message(int(status[1]), fields, memoryview(content)[body_start:end])


def join_chunks(message: Message) -> bytes | Problem:
    """The body without its chunked coding; as it is where it is not chunked or only claims to be."""
    body = bytes(message.body)
    if "chunked" not in message.fields.get("transfer-encoding", "").lower() or not _CHUNK.match(body):
        return body
    pieces: list[bytes] = []
    position = 0
    while head := _CHUNK.match(body, position):
        start = head.end()
        position = start + int(head[1], 16)
        if position == start:
            return b"".join(pieces)  # what follows are trailers
        if position > len(body):
            return Problem("truncated", f"the last chunk has {len(body) - start} of {position - start} bytes")
        pieces.append(body[start:position])
        if body.startswith((b"\r\n", b"\n"), position):
            position = body.index(b"\n", position) + 1
        elif position < len(body):
            return Problem("chunked", f"no line end after the chunk that ends at byte {position}")
    if position < len(body):
        return Problem("chunked", f"no chunk size at byte {position}")
    return Problem("truncated", "the body ends without its last chunk")


def decode_body(message: Message, max_bytes: int) -> bytes | Problem:
    """The body without transfer and content codings, `max_bytes` at most; or why it cannot be had whole."""
    body = join_chunks(message)
    if isinstance(body, Problem):
        return body
    names = [name.strip().lower() for name in message.fields.get("content-encoding", "").split(",")]
    if any(names):
        return undo_encodings(body, names, max_bytes)
    return _missing_bytes(message) or body


def _missing_bytes(message: Message) -> Problem | None:
    """A plain body shorter than its Content-Length: the connection broke. (A longer one was decoded.)"""
    stated = message.fields.get("content-length", "")
    if "transfer-encoding" in message.fields or not _LENGTH.fullmatch(stated) or len(message.body) >= int(stated):
        return None
    return Problem("truncated", f"the body has {len(message.body)} of {stated} bytes")


def charset_of(content_type: str) -> str | None:
    """The charset parameter of a Content-Type, lower case; None without one."""
    match = _CHARSET.search(content_type)
    return match[1].lower() if match else None
