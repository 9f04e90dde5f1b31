"""The demo's web: virtual hosts that answer paths with replies. What is on them is decided in `world`."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from typing import Protocol

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

HTML = "text/html; charset=utf-8"
LINKS_A_PAGE = 40
RIGHT_TO_LEFT = {"ar", "fa", "he", "ur"}
LOGO = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63606060f80f0001040100"
    "5fe5c34b0000000049454e44ae426082"
)
"""A one-pixel PNG."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP reply.

    Attributes:
        body: As the page's author wrote it; codings are applied on the way out.
        content_type: Of the body; empty to send none.
        status: HTTP status.
        headers: Further headers.
        coding: "gzip" to send the body compressed, "broken" to claim gzip and send it as it is.
        chunked: Send it in chunks, without a length.
        withheld: Bytes at the end that are promised and never sent, as when a connection breaks.
    """

    body: bytes
    content_type: str = HTML
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    coding: str = ""
    chunked: bool = False
    withheld: int = 0

    def coded_body(self) -> bytes:
        """The body under its content coding; the same bytes every time."""
        return gzip.compress(self.body, 6, mtime=0) if self.coding == "gzip" else self.body


@dataclass(frozen=True, slots=True)
class Link:
    """Where a page leads, and what it says there."""

    url: str
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says, before its site's furniture is put round it."""

    path: str
    title: str
    main: str
    language: str = "en"
    charset: str = "utf-8"
    kind: str = "page"
    crumbs: tuple[Link, ...] = ()
    related: tuple[Link, ...] = ()

    @property
    def right_to_left(self) -> bool:
        """Whether its script runs right to left."""
        return self.language in RIGHT_TO_LEFT


class Collection(Protocol):
    """A set of pages on a host."""

    def entrances(self) -> Sequence[Link]:
        """The pages the host's own index links to; others are reached from these."""

    def reply(self, path: str) -> Reply | Page | None:
        """What is at a path; None for nothing of this collection."""


@dataclass(frozen=True)
class VirtualHost:
    """One host name with the collections behind it, and the small files every site has."""

    name: str
    title: str
    collections: Sequence[Collection]
    menu: tuple[Link, ...] = ()
    compressed: bool = False

    def reply(self, path: str) -> Reply:
        """What this host answers for a path; a 404 page at worst."""
        own = self._furniture(path)
        found = own or next((r for c in self.collections if (r := c.reply(path)) is not None), None)
        if found is None:
            return self._html(Page(path, "Page not found", "<p>There is nothing at this address.</p>"), 404)
        return self._html(found, 200) if isinstance(found, Page) else found

    def _furniture(self, path: str) -> Reply | Page | None:
        if path == "/robots.txt":
            return Reply(b"User-agent: *\nDisallow: /private/\n", "text/plain")
        if path == "/style.css":
            return Reply(b"body { font: 16px/1.5 sans-serif; margin: 0 auto; max-width: 60rem }\n", "text/css")
        if path == "/logo.png":
            return Reply(LOGO, "image/png")
        return self._index(path)

    def _index(self, path: str) -> Page | None:
        """The home page and the further pages of its list."""
        number = 0 if path == "/" else _number(path, "/index-", ".html")
        links = [link for collection in self.collections for link in collection.entrances()]
        shown = links[number * LINKS_A_PAGE : (number + 1) * LINKS_A_PAGE] if number >= 0 else []
        if not shown:
            return None
        more = Link(f"/index-{number + 1}.html", "More") if (number + 1) * LINKS_A_PAGE < len(links) else None
        return Page(path, f"{self.title}: contents", link_list(shown), related=(more,) if more else ())

    def _html(self, page: Page, status: int) -> Reply:
        text = _template().render(page=_Shown(page), site=self)
        body = text.encode(page.charset, "xmlcharrefreplace")
        coding = "gzip" if self.compressed else ""
        return Reply(body, f"text/html; charset={page.charset}", status, coding=coding, chunked=self.compressed)


class _Shown:
    """A page with its main part marked as HTML already."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.main = Markup(page.main)

    def __getattr__(self, name: str) -> object:
        return getattr(self._page, name)


class Site:
    """Every virtual host, by name."""

    def __init__(self, hosts: Sequence[VirtualHost]) -> None:
        self.hosts = {host.name: host for host in hosts}

    def reply(self, host: str, path: str) -> Reply:
        """What the host answers; 421 for a host that is not served here."""
        if host not in self.hosts:
            return Reply(b"no such host here\n", "text/plain", 421)
        return self.hosts[host].reply(path)


def link_list(links: Sequence[Link]) -> str:
    """Links as an HTML list."""
    items = "".join(f'<li><a href="{escape(link.url)}">{escape(link.text)}</a></li>' for link in links)
    return f"<ul>{items}</ul>"


def _number(path: str, before: str, after: str) -> int:
    """The number between two strings; -1 where there is none."""
    digits = path.removeprefix(before).removesuffix(after)
    return int(digits) if path.startswith(before) and path.endswith(after) and digits.isdecimal() else -1


@cache
def _template():  # type: ignore[no-untyped-def]
    return Environment(loader=PackageLoader("flows.demo", ""), autoescape=True, trim_blocks=False).get_template(
        "layout.html"
    )
