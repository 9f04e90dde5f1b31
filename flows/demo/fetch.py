"""One HTTP exchange, kept byte for byte, and what a crawler reads out of it."""

from __future__ import annotations

import io
import re
import socket
import zlib
from dataclasses import dataclass
from functools import cached_property
from html import unescape
from http.client import HTTPException, HTTPResponse, IncompleteRead
from urllib.parse import urldefrag, urljoin, urlsplit

from storage.errors import Fatal

USER_AGENT = "winnow-demo/0.1"
TIMEOUT_SECONDS = 30.0
LINK = re.compile(r'<(?:a|link|img)\s[^>]*?\b(?:href|src)="([^"]*)"', re.IGNORECASE)
"""Enough for the demo's own pages, and a hundred times faster than a parser."""


@dataclass(frozen=True)
class Exchange:
    """A request and its response as they were on the wire.

    Attributes:
        url: What was asked for.
        request: Request bytes.
        response: Response bytes, up to the end of the connection.
        status: HTTP status; 0 where the response was no HTTP.
        content_type: Declared media type, lower case, without parameters.
        location: Where a redirect leads; empty for none.
        body: Decoded from its transfer and content codings, as far as it could be.
    """

    url: str
    request: bytes
    response: bytes
    status: int
    content_type: str
    location: str
    body: bytes

    @cached_property
    def links(self) -> list[str]:
        """Absolute http URLs the page leads to (pages, style sheets, images), in order, each once."""
        found = [self.location] if self.location else []
        if self.status == 200 and self.content_type == "text/html":
            found += _hrefs(self.body)
        absolute = (_absolute(self.url, href) for href in found)
        return list(dict.fromkeys(link for link in absolute if link))


def fetch(address: tuple[str, int], url: str) -> Exchange:
    """Ask the server at `address` for a URL of any host. No resolver, no proxy, one connection an exchange.

    Raises:
        Fatal: The server cannot be reached or does not answer in time.
    """
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    request = (
        f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: {USER_AGENT}\r\n"
        "Accept: text/html,*/*;q=0.5\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
    ).encode("ascii")
    try:
        with socket.create_connection(address, TIMEOUT_SECONDS) as connection:
            connection.sendall(request)
            response = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    except OSError as error:
        raise Fatal(f"The demo's own server did not answer for {url}: {error}.", "Run the command again.") from error
    return _read(url, request, response)


class _Wire:
    """Bytes already received, in the shape `HTTPResponse` wants of a socket."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self.data)


def _read(url: str, request: bytes, response: bytes) -> Exchange:
    parsed = HTTPResponse(_Wire(response), method="GET")  # type: ignore[arg-type]
    try:
        parsed.begin()
    except (HTTPException, ValueError):
        return Exchange(url, request, response, 0, "", "", b"")
    try:
        body = parsed.read()
    except IncompleteRead as error:
        body = error.partial
    if parsed.getheader("Content-Encoding") == "gzip":
        body = _gunzip(body)
    declared = parsed.getheader("Content-Type", "").partition(";")[0].strip().lower()
    return Exchange(url, request, response, parsed.status, declared, parsed.getheader("Location", ""), body)


def _gunzip(body: bytes) -> bytes:
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body)
    except zlib.error:
        return b""


def _hrefs(body: bytes) -> list[str]:
    return [unescape(match[1]) for match in LINK.finditer(body.decode("utf-8", "replace"))]


def _absolute(base: str, href: str) -> str:
    try:
        link = urldefrag(urljoin(base, href.strip())).url
        ok = urlsplit(link).scheme == "http" and link.isascii() and " " not in link
    except ValueError:  # an address that is none, as any web holds
        return ""
    return link if ok else ""
