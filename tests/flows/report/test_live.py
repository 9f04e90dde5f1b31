"""The report served: to this machine only, as the lake is now."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from flows.report import live
from storage.errors import UserError
from storage.lake import Lake
from tests.lakes import PageSpec, add_archive


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path))
    add_archive(lake, "a.warc.gz", [PageSpec("one")])
    return lake


@pytest.fixture
def server(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    monkeypatch.setattr(live, "FRESH_SECONDS", 0.0)
    with live.make_server(lake, 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def get(
    server: ThreadingHTTPServer, path: str = "/", host: str | None = None, method: str = "GET"
) -> tuple[HTTPResponse, str]:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    connection.request(method, path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    return answer, answer.read().decode()


def test_it_shows_the_lake_as_it_is_now(server: ThreadingHTTPServer, lake: Lake) -> None:
    answer, before = get(server)
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    assert "1 archive," in before
    add_archive(lake, "b.warc.gz", [PageSpec("two")])
    assert "2 archives," in get(server)[1]


def test_only_this_machine_and_only_one_page(server: ThreadingHTTPServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert get(server, host="evil.example")[0].status == 403
    assert get(server, "/../winnow.duckdb")[0].status == 404


@pytest.mark.parametrize(("path", "host", "status"), [("/", None, 200), ("/x", None, 404), ("/", "evil.example", 403)])
def test_head_is_told_what_get_would_be_without_the_page(
    server: ThreadingHTTPServer, path: str, host: str | None, status: int
) -> None:
    answer, nothing = get(server, path, host, "HEAD")
    same, page = get(server, path, host)
    assert answer.status == same.status == status and nothing == ""
    assert int(answer.headers["Content-Length"]) == len(page.encode()) > 0
    assert answer.headers["Content-Type"] == same.headers["Content-Type"]


def test_a_taken_port_and_a_missing_lake_are_told(server: ThreadingHTTPServer, lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="port"):
        live.make_server(lake, server.server_port)
    with pytest.raises(UserError, match="no lake"):
        live.make_server(Lake(str(tmp_path / "nothing")), 0)
