"""Lists of archives: a text file whose lines are paths below a snapshot store, or paths and URLs of their own.

Common Crawl publishes its archives so (`warc.paths.gz`); whoever crawls themselves writes one line a finished archive.
"""

from __future__ import annotations

import html
import re
from urllib.parse import unquote, urljoin

from storage.addresses import check_written
from storage.errors import UserError
from storage.files import open_read
from storage.texts import decode_text
from storage.uris import is_local, is_web, join, local_path, split_url
from storage.web import WebFile

SUFFIXES = (".paths", ".paths.gz")
_SNAPSHOT = re.compile(r"crawl-data/([^/]+)/(.+)")
_LINK = re.compile(r"""<a\b[^>]*?\bhref\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)


def is_list(uri: str) -> bool:
    """Whether a path or URL names a list rather than an archive."""
    return uri.partition("?")[0].endswith(SUFFIXES)


def read_list(uri: str) -> list[str]:
    """Its lines, those that are empty or begin with `#` left out.

    Raises:
        UserError: There is no such file, or it is no text.
        ShardFailed, Transient: It cannot be had.
    """
    if is_web(uri):
        data = WebFile(uri).read_whole()
    else:
        with open_read(uri) as stream:
            data = stream.read()
    try:
        text = decode_text(data)
    except ValueError as error:
        raise UserError(f"{uri} is not a list of archives: {error}.", "It is a path or URL a line.") from error
    return [line for raw in text.splitlines() if (line := raw.strip()) and not line.startswith("#")]


def list_page(uri: str) -> list[str]:
    """Names of the files a web server lists in a directory, sorted; nothing outside it is followed."""
    page = WebFile(uri).read_whole().decode("utf-8", "replace")
    links = (_joined(uri, html.unescape(link)) for link in _LINK.findall(page))
    names = {unquote(link.removeprefix(uri).partition("?")[0]) for link in links if link.startswith(uri)}
    return sorted(name for name in names if name and "/" not in name)


def _joined(uri: str, link: str) -> str:
    """The URL that a link of a page leads to; empty where the link is no URL."""
    try:
        return urljoin(uri, link)
    except ValueError:
        return ""


def snapshot_of(path: str) -> tuple[str, str] | None:
    """Snapshot and name within it, of a path in Common Crawl's layout; None for any other."""
    found = _SNAPSHOT.fullmatch(path)
    return (found[1], found[2]) if found else None


def beside(uri: str, line: str) -> str:
    """Where a line leads: a URL, or a path below the list's own folder.

    Raises:
        UserError: It names an address of this machine or network, on another server than the list's own.
    """
    if is_web(line):
        if split_url(line).netloc != split_url(uri).netloc:  # who writes a list must not choose what is read within
            check_written(line)
        return line
    if "://" in line or (line.startswith("/") and is_local(uri)):
        return line
    folder = str(local_path(uri).parent) if is_local(uri) else uri.rpartition("/")[0]
    return join(folder, line)
