"""`winnow report --serve`: the report of a lake as it is now, on this machine's own address only."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from flows.progress import tell
from flows.report.page import render
from storage.errors import UserError, WinnowError
from storage.lake import Lake

FRESH_SECONDS = 10.0
"""For how long a page made is given again: a reader's reloads must not cost the runs beside it."""


class LivePage:
    """The report, made anew when it is asked for and the last one is no longer fresh; one at a time."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self._lock = threading.Lock()
        self._page, self._made = b"", float("-inf")

    def current(self) -> bytes:
        """The page as HTML in UTF-8."""
        with self._lock:
            if time.monotonic() - self._made > FRESH_SECONDS:
                self._page, self._made = render(self.lake).encode(), time.monotonic()
            return self._page


def make_server(lake: Lake, port: int) -> ThreadingHTTPServer:
    """A server of the report on 127.0.0.1; port 0 takes a free one.

    Raises:
        UserError: There is no lake there, or the port is taken.
    """
    lake.check_exists()
    page = LivePage(lake)

    class Handler(BaseHTTPRequestHandler):
        server_version, sys_version = "winnow", ""

        def do_GET(self) -> None:
            if not _is_local(self.headers.get("Host", "")):
                return self._answer(403, b"This report is served to this machine only.", "text/plain")
            if self.path != "/":
                return self._answer(404, b"There is one page here: /", "text/plain")
            try:
                return self._answer(200, page.current(), "text/html")
            except WinnowError as error:
                return self._answer(503, f"The report cannot be made now: {error}".encode(), "text/plain")

        def do_HEAD(self) -> None:
            self.do_GET()

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Readers are not logged."""

    try:
        return ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise UserError(f"port {port} cannot be used: {error.strerror}.", "Choose another with --port.") from error


def serve_report(lake: Lake, port: int) -> None:
    """Serve until Ctrl-C."""
    with make_server(lake, port) as server:
        tell(f"report: http://127.0.0.1:{server.server_port}   lake: {lake.root}   stop with Ctrl-C")
        with suppress(KeyboardInterrupt):  # how it is meant to end
            server.serve_forever()


def _is_local(host: str) -> bool:
    """Whether a request names this machine: another name may be a site's that points here (DNS rebinding)."""
    return host.rpartition(":")[0] in ("127.0.0.1", "localhost") or host in ("127.0.0.1", "localhost")
