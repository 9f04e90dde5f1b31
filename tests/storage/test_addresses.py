"""What a web server, a list or the name service says leads into no private network."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import addresses, lists, web_requests
from storage.errors import UserError
from storage.files import open_read
from storage.inputs import expand_inputs
from storage.web import WebFile
from tests.storage.crawl_server import CrawlServer, Trouble, serving


@pytest.fixture
def servers(tmp_path: Path, pauses: list[float]) -> Iterator[tuple[CrawlServer, CrawlServer]]:
    """One that was named, and one of this machine that it may lead to."""
    (tmp_path / "a.warc.gz").write_bytes(b"secret")
    with serving(tmp_path) as named, serving(tmp_path) as inner:
        web_requests._pool.cache_clear()
        yield named, inner
        addresses.allow_private(False)
        web_requests._pool.cache_clear()


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
     "2001:0:4136:e378:8000:63bf:80ff:fffe", "192.0.2.1", "255.255.255.255"],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not addresses.is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "151.101.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_that_are_public(address: str) -> None:
    assert addresses.is_public(address)


@pytest.mark.parametrize(
    "host", ["127.1", "0x7f000001", "2130706433", "0177.0.0.1", "[::1]", "localhost", "LOCALHOST."]
)
def test_other_ways_to_write_this_machine(host: str) -> None:
    with pytest.raises(UserError, match="address of this machine or network"):
        addresses.check_written(f"http://{host}:80/x")


def test_what_a_person_names_is_read(servers: tuple[CrawlServer, CrawlServer]) -> None:
    assert WebFile(servers[0].url + "a.warc.gz").read(0, 6) == b"secret"


def test_a_redirect_into_this_network_is_refused_before_anything_is_sent(
    servers: tuple[CrawlServer, CrawlServer],
) -> None:
    named, inner = servers
    named.always["moved"] = Trouble(status=302, headers={"Location": inner.url + "a.warc.gz"})
    with pytest.raises(UserError, match=r"127\.0\.0\.1 is an address of this machine.*WINNOW_ALLOW_PRIVATE"):
        open_read(named.url + "moved")
    assert inner.asked == []
    addresses.allow_private(True)
    with open_read(named.url + "moved") as stream:
        assert stream.read() == b"secret"


def test_a_redirect_off_the_web_is_refused(servers: tuple[CrawlServer, CrawlServer]) -> None:
    servers[0].always["moved"] = Trouble(status=302, headers={"Location": "file:///etc/passwd"})
    with pytest.raises(UserError, match="not on the web"):
        open_read(servers[0].url + "moved")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_that_leads_into_this_network_is_refused(
    scheme: str, servers: tuple[CrawlServer, CrawlServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, inner = servers
    look_up, port = socket.getaddrinfo, int(inner.url.rstrip("/").rpartition(":")[2])
    answers = iter(["127.0.0.1"])

    def answer(host: str, *rest: object, **more: object) -> object:
        return look_up(next(answers, "127.0.0.1") if host == "evil.test" else host, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    with pytest.raises(UserError, match=r"evil\.test leads to 127\.0\.0\.1"):
        open_read(f"{scheme}://evil.test:{port}/a.warc.gz")
    answers = iter(["8.8.8.8"])  # a public address when it is checked, this machine's when it is used
    with pytest.raises(UserError, match=r"evil\.test leads to 127\.0\.0\.1"):
        open_read(f"{scheme}://evil.test:{port}/a.warc.gz")
    assert inner.asked == []
    addresses.allow_private(True)
    if scheme == "https":  # the server has no certificate: it is reached, and not trusted
        with pytest.raises(UserError, match=r"evil\.test.*cannot be trusted.*SSL"):
            open_read(f"{scheme}://evil.test:{port}/a.warc.gz")
    else:
        with open_read(f"{scheme}://evil.test:{port}/a.warc.gz") as stream:
            assert stream.read() == b"secret"


def test_a_list_leads_only_where_its_own_server_is(servers: tuple[CrawlServer, CrawlServer], tmp_path: Path) -> None:
    named, inner = servers
    (tmp_path / "good.paths").write_text("# ours\n\na.warc.gz\n")
    [source] = expand_inputs([named.url + "good.paths"])
    assert (source.uri, source.archive, source.size) == (named.url + "a.warc.gz", "a.warc.gz", 6)
    [here] = expand_inputs([str(tmp_path / "good.paths")])
    assert here.uri == str(tmp_path / "a.warc.gz")
    (tmp_path / "evil.paths").write_text(inner.url + "a.warc.gz\n")
    for given in (named.url + "evil.paths", str(tmp_path / "evil.paths")):
        with pytest.raises(UserError, match="was not given by you"):
            expand_inputs([given])
    (tmp_path / "half.paths").write_text("http://[half/a.warc.gz\n")
    with pytest.raises(UserError, match="is no URL"):
        expand_inputs([str(tmp_path / "half.paths")])
    (tmp_path / "passwd.paths").write_text("/etc/passwd\n")
    assert lists.beside(named.url + "passwd.paths", "/etc/passwd") == named.url + "/etc/passwd"


def test_a_page_lists_what_lies_right_below_it(servers: tuple[CrawlServer, CrawlServer]) -> None:
    named, inner = servers
    page = f'<a href="a.warc.gz">a</a> <A HREF=\'../b.warc.gz\'> <a href="{inner.url}c.warc.gz"> <a href=notes.txt>'
    page += '<a href="http://[half/d.warc.gz">'
    named.always["list/"] = Trouble(body=page.encode())
    assert lists.list_page(named.url + "list/") == ["a.warc.gz", "notes.txt"]
