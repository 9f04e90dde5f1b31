"""Content codings undone: gzip, deflate, br, zstd and chains of them, never beyond a limit.

Servers and crawlers label bodies that are not encoded (any more). Such a body is recognised by being text.
"""

from __future__ import annotations

from collections.abc import Callable

import brotli
from isal import igzip_lib

from pipeline.archive.codec import CUT_SHORT, Codec
from pipeline.archive.gzip_codec import INFLATE_ERROR, GzipCodec
from pipeline.archive.mime import looks_like_text
from pipeline.archive.records import Problem
from pipeline.archive.source import BytesSource
from pipeline.archive.zstd_codec import ZstdCodec

_STEP = 1 << 15
_IDENTITY = ("", "identity", "none", "utf-8", "binary", "8bit", "7bit")


def undo_encodings(body: bytes, names: list[str], max_bytes: int) -> bytes | Problem:
    """The body before it was encoded.

    Args:
        names: Codings in the order they were applied, lower case.
        max_bytes: A body that decodes to more is a problem `too_large`.
    """
    for name in reversed(names):
        if name in _IDENTITY or not body:
            continue
        decoder = _DECODERS.get(name)
        decoded = decoder(body, max_bytes) if decoder else Problem("content_encoding", f"unknown coding {name[:40]!r}")
        if isinstance(decoded, Problem) and decoded.reason != "too_large" and looks_like_text(body):
            decoded = body
        if isinstance(decoded, Problem):
            return decoded
        body = decoded
    return body


def _too_large(max_bytes: int) -> Problem:
    return Problem("too_large", f"decodes to more than max_record_bytes, {max_bytes}")


def _truncated(name: str) -> Problem:
    return Problem("truncated", f"the {name} body is cut short")


def _members(codec: Codec, name: str, body: bytes, max_bytes: int) -> bytes | Problem:
    """Members or frames one after another; what follows the last one is ignored, as browsers do."""
    source = BytesSource(body)
    pieces: list[bytes] = []
    position = room = 0
    while codec.starts_at(source, position):
        member = codec.open(source, position)
        while not member.done:
            pieces.append(member.read(1))
            room += len(pieces[-1])
            if room > max_bytes:
                return _too_large(max_bytes)
        if member.fault:
            return _truncated(name) if member.fault == CUT_SHORT else Problem("content_encoding", member.fault)
        position = member.end
    return b"".join(pieces) if position else Problem("content_encoding", f"the body is not {name}")


def _gunzip(body: bytes, max_bytes: int) -> bytes | Problem:
    return _members(GzipCodec(), "gzip", body, max_bytes)


def _unzstd(body: bytes, max_bytes: int) -> bytes | Problem:
    return _members(ZstdCodec(), "zstd", body, max_bytes)


def _inflate(body: bytes, max_bytes: int) -> bytes | Problem:
    """`deflate` is the zlib format by the standard, and raw deflate by many servers' reading."""
    zlib_header = body[0] & 15 == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    decoded = _inflate_as(igzip_lib.DECOMP_ZLIB, body, max_bytes) if zlib_header else None
    if not isinstance(decoded, bytes):
        raw = _inflate_as(igzip_lib.DECOMP_DEFLATE, body, max_bytes)
        decoded = raw if decoded is None or isinstance(raw, bytes) else decoded
    return decoded


def _inflate_as(flag: int, body: bytes, max_bytes: int) -> bytes | Problem:
    inflater = igzip_lib.IgzipDecompressor(flag)
    pieces: list[bytes] = []
    room = max_bytes
    for start in range(0, len(body), _STEP):
        try:
            pieces.append(inflater.decompress(body[start : start + _STEP]))
        except INFLATE_ERROR:
            return Problem("content_encoding", "the body is not deflate, or damaged")
        room -= len(pieces[-1])
        if room < 0:
            return _too_large(max_bytes)
        if inflater.eof:
            return b"".join(pieces)
    return _truncated("deflate")


def _unbrotli(body: bytes, max_bytes: int) -> bytes | Problem:
    decoder = brotli.Decompressor()
    pieces: list[bytes] = []
    room = max_bytes
    feed = body
    try:
        while not decoder.is_finished():
            piece = decoder.process(feed, output_buffer_limit=1 << 20)
            if not piece and decoder.can_accept_more_data():
                return _truncated("br")
            pieces.append(piece)
            feed = b""
            room -= len(piece)
            if room < 0:
                return _too_large(max_bytes)
    except brotli.error:
        return Problem("content_encoding", "the body is not br, or damaged")
    return b"".join(pieces)


_DECODERS: dict[str, Callable[[bytes, int], bytes | Problem]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate,
    "x-deflate": _inflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
