"""Serves the demo's site on a loopback port; the Host header says which of its hosts is meant."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from flows.demo.site import Reply, Site

SERVER = "Winnow-demo/1"
DATE = "Sun, 22 Nov 2026 00:00:00 GMT"
"""Replies carry one date, so that a crawl of the same pages gives the same bytes."""
CHUNK = 8192


@contextmanager
def serving(site: Site) -> Iterator[tuple[str, int]]:
    """Serve a site until the block ends; gives the address to connect to."""

    class Handler(_Handler):
        pass

    Handler.site = site
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield "127.0.0.1", server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    site: Site
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        reply = self.site.reply(self.headers.get("Host", ""), self.path)
        body = reply.coded_body()
        self.send_response_only(reply.status)
        for name, value in _headers(reply, len(body)):
            self.send_header(name, value)
        self.end_headers()
        sent = body[: len(body) - reply.withheld]
        self.wfile.write(_chunks(sent) if reply.chunked else sent)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the crawl itself is the log."""


def _headers(reply: Reply, length: int) -> list[tuple[str, str]]:
    headers = [("Server", SERVER), ("Date", DATE)]
    if reply.content_type:
        headers.append(("Content-Type", reply.content_type))
    if reply.coding:
        headers.append(("Content-Encoding", "gzip"))
    headers.append(("Transfer-Encoding", "chunked") if reply.chunked else ("Content-Length", str(length)))
    return [*headers, *reply.headers.items(), ("Connection", "close")]


def _chunks(body: bytes) -> bytes:
    parts = [body[at : at + CHUNK] for at in range(0, len(body), CHUNK)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
