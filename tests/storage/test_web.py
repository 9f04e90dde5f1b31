"""Whatever a web server does: the file as it is, or an error; never a part of it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import patience, web_requests
from storage.errors import ShardFailed, Transient, UserError
from storage.files import open_read
from storage.patience import pace_of, retry_after
from storage.remote import open_version
from storage.web import Version, WebFile
from tests.storage.crawl_server import CrawlServer, Trouble, serving

CONTENT = random.Random(7).randbytes(200_000)


@pytest.fixture
def server(tmp_path: Path, pauses: list[float]) -> Iterator[CrawlServer]:
    (tmp_path / "a.warc.gz").write_bytes(CONTENT)
    (tmp_path / "empty.warc").write_bytes(b"")
    with serving(tmp_path) as server:
        yield server


def whole(server: CrawlServer, name: str = "a.warc.gz") -> bytes:
    with open_read(server.url + name) as stream:
        return stream.read()


def test_a_sound_server_is_asked_once(server: CrawlServer) -> None:
    assert whole(server) == CONTENT
    assert server.asked == [("/a.warc.gz", "bytes=0-")]


def test_an_empty_file_is_empty_and_no_mistake(server: CrawlServer) -> None:
    assert whole(server, "empty.warc") == b""
    assert WebFile(server.url + "empty.warc").version.size == 0


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(status=503),
        Trouble(status=429, headers={"Retry-After": "1"}),
        Trouble(status=500),
        Trouble(status=502, headers={"Retry-After": "soon"}),
        Trouble(drop=True),
        Trouble(cut=0),
        Trouble(cut=1),
        Trouble(cut=150_000),
        Trouble(cap=1000),
        Trouble(ranges=False),
        Trouble(ranges=False, cut=150_000),
        Trouble(headers={"Content-Length": str(len(CONTENT) + 10)}),
        Trouble(headers={"Content-Length": str(len(CONTENT) - 10)}),
        Trouble(headers={"Content-Range": None}),
        Trouble(headers={"Content-Range": "bytes 5-9/200000"}),
        Trouble(headers={"ETag": None}),
    ],
    ids=str,
)
def test_what_passes_costs_a_pause_and_no_byte(trouble: Trouble, server: CrawlServer) -> None:
    server.fail("a.warc.gz", trouble, trouble)
    assert whole(server) == CONTENT


def test_a_drop_in_the_middle_goes_on_at_the_byte_where_it_stopped(server: CrawlServer) -> None:
    server.fail("a.warc.gz", Trouble(cut=60_000), Trouble(cut=30_000))
    assert whole(server) == CONTENT
    assert [asked for _, asked in server.asked] == ["bytes=0-", "bytes=60000-", "bytes=90000-"]


def test_progress_renews_patience(server: CrawlServer) -> None:
    server.fail("a.warc.gz", *[Trouble(cut=10_000)] * 19)
    assert whole(server) == CONTENT
    assert len(server.asked) == 20


def test_a_server_without_ranges_is_read_again_from_its_start(server: CrawlServer) -> None:
    server.fail("a.warc.gz", Trouble(ranges=False, cut=60_000), Trouble(ranges=False, cut=120_000))
    server.always["a.warc.gz"] = Trouble(ranges=False)
    assert whole(server) == CONTENT
    assert WebFile(server.url + "a.warc.gz").read(150_000, 150_010) == CONTENT[150_000:150_010]


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        (Trouble(headers={"Content-Length": str(len(CONTENT) + 10)}), "Content-Length is 200,010"),
        (Trouble(ranges=False, headers={"Content-Length": str(len(CONTENT) + 10)}), "stops in the middle"),
        (Trouble(headers={"Content-Range": f"bytes 0-199999/{len(CONTENT) + 9}"}), "cannot be had whole"),
        (Trouble(ranges=False, headers={"Content-Length": None, "Connection": "close"}), "without its length"),
        (Trouble(ranges=False, headers={"Content-Length": "\u00b2", "Connection": "close"}), "without its length"),
        (Trouble(ranges=False, cut=60_000), "stops in the middle"),
        (Trouble(headers={"Content-Range": "bytes 5-9/200000"}), "cannot be had whole"),
    ],
)
def test_a_server_that_goes_on_lying_is_never_believed(trouble: Trouble, message: str, server: CrawlServer) -> None:
    server.always["a.warc.gz"] = trouble
    with pytest.raises(ShardFailed, match=message):
        whole(server)


def test_a_failure_is_no_end_of_file(server: CrawlServer) -> None:
    server.fail("a.warc.gz", Trouble(cut=60_000), *[Trouble(drop=True)] * 5)
    with open_read(server.url + "a.warc.gz") as stream:
        with pytest.raises(Transient):
            stream.read()
        stream.seek(60_000)
        assert stream.read() == CONTENT[60_000:]


@pytest.mark.parametrize(
    ("status", "kind"), [(404, UserError), (410, UserError), (403, UserError), (401, UserError), (451, UserError)]
)
def test_a_refusal_is_told_at_once(status: int, kind: type[Exception], server: CrawlServer) -> None:
    server.always["a.warc.gz"] = Trouble(status=status)
    with pytest.raises(kind, match=r"a\.warc\.gz"):
        open_read(server.url + "a.warc.gz")
    assert len(server.asked) == 1


def test_a_busy_server_is_given_up_as_transient_after_growing_pauses(server: CrawlServer, pauses: list[float]) -> None:
    server.always["a.warc.gz"] = Trouble(status=503)
    with pytest.raises(Transient, match="busy"):
        open_read(server.url + "a.warc.gz")
    assert len(server.asked) == len(patience.BUSY_PAUSES) + 1
    for pause in patience.BUSY_PAUSES:
        assert any(pause <= waited <= 1.1 * pause for waited in pauses)


def test_nobody_there_is_transient(pauses: list[float], tmp_path: Path) -> None:
    with serving(tmp_path) as gone:
        url = gone.url
    gone.server_close()
    with pytest.raises(Transient, match="failed"):
        open_read(url + "a.warc.gz")
    assert len(pauses) == len(patience.PAUSES)
    assert all(pause <= waited <= 1.1 * pause for pause, waited in zip(patience.PAUSES, pauses, strict=True))


def test_retry_after_is_waited_for_as_seconds_and_as_a_date(server: CrawlServer, pauses: list[float]) -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    dated = {"Date": format_datetime(now, True), "Retry-After": format_datetime(now + timedelta(seconds=77), True)}
    server.fail("a.warc.gz", Trouble(status=503, headers={"Retry-After": "42"}), Trouble(status=429, headers=dated))
    assert whole(server) == CONTENT
    assert [any(seconds <= waited <= 1.1 * seconds for waited in pauses) for seconds in (42, 77)] == [True, True]


def test_who_asks_for_hours_is_left_to_the_user(server: CrawlServer) -> None:
    server.always["a.warc.gz"] = Trouble(status=503, headers={"Retry-After": "7200"})
    with pytest.raises(Transient, match="left alone for 7,200 seconds"):
        open_read(server.url + "a.warc.gz")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *((None, None), ("", None), ("120", 120.0), ("soon", None), ("-5", None), ("\u00b2", None)),
        *(("Fri, 31 Dec 1999 23:59:59 GMT", 0.0), ("Fri, 31 Dec 1999 23:59:59 +9" + "9" * 20, None)),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value) == seconds


def test_the_pace_slows_down_with_complaints_and_recovers(server: CrawlServer) -> None:
    pace = pace_of(server.url.split("/")[2])
    server.fail("a.warc.gz", *[Trouble(status=429)] * 3)
    whole(server)
    slow = pace.gap
    assert slow == pytest.approx(0.4 * 0.9)
    for _ in range(60):
        WebFile(server.url + "a.warc.gz").read(0, 1)
    assert pace.gap == 0.0


def test_threads_that_share_a_slow_host_take_turns(pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_now", lambda: 1000.0)
    pace = pace_of("slow.test")
    for _ in range(3):
        pace.keep()
    assert pauses == []
    pace.slow_down(5)
    for _ in range(3):
        pace.keep()
    assert pauses == pytest.approx([5, 5.1, 5.2])


def test_a_stalled_answer_times_out_and_is_asked_for_again(
    server: CrawlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_requests, "_READ_SECONDS", 0.2)
    web_requests._pool.cache_clear()
    server.fail("a.warc.gz", Trouble(hang=30))
    assert whole(server) == CONTENT
    web_requests._pool.cache_clear()


def test_redirects_are_followed_with_their_range(server: CrawlServer) -> None:
    server.always["old"] = Trouble(status=302, headers={"Location": "/a.warc.gz"})
    assert WebFile(server.url + "old").read(100, 200) == CONTENT[100:200]
    server.always["circle"] = Trouble(status=302, headers={"Location": "/circle"})
    with pytest.raises(UserError, match="leads nowhere"):
        open_read(server.url + "circle")
    server.always["half"] = Trouble(status=302, headers={"Location": "http://[half/an/address"})
    with pytest.raises(UserError, match="leads nowhere"):
        open_read(server.url + "half")


def test_a_file_that_changes_while_it_is_read_is_noticed(server: CrawlServer) -> None:
    server.fail("a.warc.gz", Trouble(cut=60_000))
    server.always["a.warc.gz"] = Trouble(body=CONTENT[::-1])
    with pytest.raises(ShardFailed, match="is not what it was"):
        whole(server)


def test_a_file_without_an_etag_is_told_by_its_time(server: CrawlServer) -> None:
    old, new = ({"ETag": None, "Last-Modified": f"Fri, 01 May 2026 0{hour}:00:00 GMT"} for hour in (1, 2))
    server.fail("a.warc.gz", Trouble(cut=60_000, headers=old))
    server.always["a.warc.gz"] = Trouble(headers=new)
    with pytest.raises(ShardFailed, match=r"01:00:00 GMT.*02:00:00 GMT"):
        whole(server)
    server.fail("a.warc.gz", Trouble(cut=60_000, headers=old))
    server.always["a.warc.gz"] = Trouble(headers=old)
    assert whole(server) == CONTENT


class Quiet(SimpleHTTPRequestHandler):
    """Answers, and says nothing of it."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def test_pythons_own_server_which_knows_no_ranges(tmp_path: Path, pauses: list[float]) -> None:
    (tmp_path / "b").write_bytes(CONTENT)
    handler = partial(Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{other.server_address[1]}/b"
        assert open_read(uri).read() == CONTENT
        assert WebFile(uri).read(190_000, 190_100) == CONTENT[190_000:190_100]
        assert str(WebFile(uri).version.etag).endswith("GMT")
        other.shutdown()


def test_a_redirect_whose_own_body_never_ends_is_followed(tmp_path: Path, pauses: list[float]) -> None:
    (tmp_path / "b").write_bytes(CONTENT)

    class Endless(Quiet):
        def do_GET(self) -> None:
            if self.path == "/b":
                super().do_GET()
                return
            self.send_response(302)
            self.send_header("Location", "/b")
            self.end_headers()
            with suppress(OSError):
                for _ in range(30):
                    self.wfile.write(bytes(1 << 16))
                    time.sleep(0.1)

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Endless, directory=str(tmp_path))) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        started = time.monotonic()
        assert WebFile(f"http://127.0.0.1:{other.server_address[1]}/a").read(0, 100) == CONTENT[:100]
        assert time.monotonic() - started < 2
        other.shutdown()


def test_a_file_that_goes_while_it_is_read_is_no_mistake_of_the_users(server: CrawlServer) -> None:
    server.fail("a.warc.gz", Trouble(cut=60_000), Trouble(status=404))
    with pytest.raises(ShardFailed, match="no file"):
        whole(server)


def test_a_long_wait_is_announced(server: CrawlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(patience, "announce", said.append)
    server.fail("a.warc.gz", Trouble(status=503, headers={"Retry-After": "1"}), Trouble(status=503))
    server.fail("a.warc.gz", Trouble(status=503, headers={"Retry-After": "60"}))
    whole(server)
    assert len(said) == 1 and "is busy (status 503)" in said[0] and "Next attempt in 6" in said[0]


def test_a_proxy_is_asked_where_the_machine_names_one(
    server: CrawlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert whole(server) == CONTENT
    with pytest.raises(UserError, match="no file"):
        WebFile("http://archive.invalid/b.warc.gz").read(0, 1)
    assert server.asked[-1][0] == "http://archive.invalid/b.warc.gz"
    web_requests._pool.cache_clear()


def test_a_file_that_changed_since_it_was_planned_is_noticed(server: CrawlServer) -> None:
    version = WebFile(server.url + "a.warc.gz").version
    stream, size = open_version(server.url + "a.warc.gz", version)
    assert (stream.read(), size) == (CONTENT, len(CONTENT))
    for other in (Version(len(CONTENT) - 1, version.etag), Version(len(CONTENT), '"other"')):
        with pytest.raises(ShardFailed, match="is not what it was"):
            open_version(server.url + "a.warc.gz", other)


def test_small_files_may_come_without_a_length_but_not_without_an_end(server: CrawlServer, tmp_path: Path) -> None:
    assert WebFile(server.url + "a.warc.gz").read_whole() == CONTENT
    server.fail("a.warc.gz", Trouble(cut=100))
    assert WebFile(server.url + "a.warc.gz").read_whole() == CONTENT
    server.always["a.warc.gz"] = Trouble(headers={"Content-Length": None, "Connection": "close"})
    with pytest.raises(ShardFailed, match="without its length"):
        WebFile(server.url + "a.warc.gz").read_whole()


MISHAPS = st.sampled_from(
    [
        Trouble(status=503, headers={"Retry-After": "0"}),
        Trouble(drop=True),
        Trouble(ranges=False),
        Trouble(cap=777),
        *(Trouble(cut=count) for count in (0, 1, 999, 65_536, 131_072)),
        *(Trouble(ranges=False, cut=count) for count in (1, 131_072)),
    ]
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(troubles=st.lists(MISHAPS, max_size=4), start=st.integers(0, 200_000), length=st.integers(0, 90_000))
def test_any_part_of_a_file_through_any_mishaps(
    server: CrawlServer, troubles: list[Trouble], start: int, length: int
) -> None:
    pace_of.cache_clear()
    web_requests._pool.cache_clear()  # an answer cut after its end leaves a connection about to fail: a fifth mishap
    server.fail("a.warc.gz", *troubles)
    assert WebFile(server.url + "a.warc.gz").read(start, start + length) == CONTENT[start : start + length]
    server._next.clear()
