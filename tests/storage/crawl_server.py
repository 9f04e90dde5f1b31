"""A web server over a folder, with ranges and ETags, that fails on purpose.

    python -m tests.storage.crawl_server FOLDER --port 8099 --trouble 0.3

serves it by hand, a third of the answers going wrong in one way or another.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote


@dataclass(frozen=True)
class Trouble:
    """What goes wrong with one answer.

    Attributes:
        status: Answered instead of the content, with `headers` and an empty body.
        headers: Further headers; they replace those of that name. None leaves one out.
        cut: Bytes of the body sent before the connection is closed.
        hang: Seconds of silence before the body.
        drop: Close the connection without an answer.
        ranges: False ignores ranges.
        cap: Most bytes of a range that are sent.
        body: Sent instead of the content.
    """

    status: int = 0
    headers: dict[str, str | None] = field(default_factory=dict)
    cut: int | None = None
    hang: float = 0.0
    drop: bool = False
    ranges: bool = True
    cap: int | None = None
    body: bytes | None = None


FINE = Trouble()


class CrawlServer(ThreadingHTTPServer):
    """Serves `folder`; `url` ends in a slash.

    Attributes:
        asked: Path and Range header of every request, in order.
        always: Troubles of paths that end so, at every request.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder: Path, port: int = 0, trouble: float = 0.0, seed: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.folder, self.trouble = folder, trouble
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"
        self.asked: list[tuple[str, str | None]] = []
        self.always: dict[str, Trouble] = {}
        self._next: dict[str, list[Trouble]] = defaultdict(list)
        self._draw, self._lock = random.Random(seed), threading.Lock()
        self._kept: dict[tuple[Path, int, int], tuple[bytes, str]] = {}
        self.stopping = threading.Event()

    def fail(self, ending: str, *troubles: Trouble) -> None:
        """The next requests for paths that end so go wrong, one after another."""
        self._next[ending].extend(troubles)

    def content(self, file: Path) -> tuple[bytes, str]:
        """A file's bytes and ETag, kept until it changes."""
        found = file.stat()
        key = (file, found.st_mtime_ns, found.st_size)
        if key not in self._kept:
            self._kept[key] = marked(file.read_bytes())
        return self._kept[key]

    def trouble_for(self, path: str) -> Trouble:
        """What happens to a request."""
        with self._lock:
            for ending, troubles in self._next.items():
                if path.endswith(ending) and troubles:
                    return troubles.pop(0)
            for ending, trouble in self.always.items():
                if path.endswith(ending):
                    return trouble
            return self._draw.choice(MISFORTUNES) if self._draw.random() < self.trouble else FINE

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that hang up are what this server is for."""


def marked(data: bytes) -> tuple[bytes, str]:
    """Bytes with an ETag of their own."""
    return data, f'"{hashlib.md5(data).hexdigest()}"'


MISFORTUNES = (
    Trouble(status=503, headers={"Retry-After": "0"}),
    Trouble(status=429, headers={"Retry-After": "0"}),
    Trouble(cut=5000),
    Trouble(cut=70000),
    Trouble(drop=True),
    Trouble(ranges=False),
    Trouble(cap=3000),
)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: CrawlServer

    def do_GET(self) -> None:
        """Answer, or fail as told."""
        path = unquote(self.path.partition("?")[0])
        self.server.asked.append((path, self.headers.get("Range")))
        trouble = self.server.trouble_for(path)
        if trouble.drop:
            self.close_connection = True
        elif trouble.status:
            self._send(trouble, trouble.status, b"", {})
        else:
            self._send_file(trouble, self.server.folder / path.lstrip("/"))

    def _send_file(self, trouble: Trouble, file: Path) -> None:
        if trouble.body is None and not file.is_file():
            self._send(trouble, 404, b"", {})
            return
        data, etag = self.server.content(file) if trouble.body is None else marked(trouble.body)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        holds = self.headers.get("If-Range") in (None, etag)
        if not wanted or not trouble.ranges or not holds:
            self._send(trouble, 200, data, {"ETag": etag})
            return
        start, end = int(wanted[1]), min(int(wanted[2] or len(data)) + 1, len(data))
        if start >= len(data):
            self._send(trouble, 416, b"", {"Content-Range": f"bytes */{len(data)}", "ETag": etag})
            return
        if trouble.cap:
            end = min(end, start + trouble.cap)
        where = {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}", "ETag": etag}
        self._send(trouble, 206, data[start:end], where)

    def _send(self, trouble: Trouble, status: int, body: bytes, headers: dict[str, str | None]) -> None:
        self.send_response_only(status)
        own: dict[str, str | None] = {"Date": self.date_time_string(), "Content-Length": str(len(body))}
        for name, value in (own | headers | trouble.headers).items():
            if value is not None:
                self.send_header(name, value)
        if trouble.cut is not None or trouble.headers.get("Content-Length", ""):
            self.close_connection = True
        self.end_headers()
        if trouble.hang:
            self.server.stopping.wait(trouble.hang)
        self.wfile.write(body if trouble.cut is None else body[: trouble.cut])

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(folder: Path, trouble: float = 0.0, seed: int = 0) -> Iterator[CrawlServer]:
    """A server over the folder, on a port of its own, while the block lasts."""
    with CrawlServer(folder, trouble=trouble, seed=seed) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield server
        finally:
            server.stopping.set()
            server.shutdown()


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Serve a folder, with trouble.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--trouble", type=float, default=0.0)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before every answer")
    arguments = parser.parse_args()
    with CrawlServer(arguments.folder, arguments.port, arguments.trouble) as server:
        if arguments.delay:
            server.always[""] = Trouble(hang=arguments.delay)
        print(server.url, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
