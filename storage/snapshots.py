"""Common Crawl's snapshots: which there are, and the lists of files each one publishes.

A mirror, a bucket or a directory with the same layout below its base URL stands in for Common Crawl.
Source: https://commoncrawl.org/get-started (crawl-data/<snapshot>/warc.paths.gz, collinfo.json).
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from storage.errors import ShardFailed, Transient, UserError
from storage.files import open_read
from storage.texts import decode_text
from storage.uris import is_local, is_web, local_path
from storage.web import WebFile

COMMON_CRAWL = "https://data.commoncrawl.org/"
COMMON_CRAWL_LIST = "https://index.commoncrawl.org/collinfo.json"

_SNAPSHOT = re.compile(r"(CC-MAIN-\d{4}(?:-\d{2,4})?)(?:#(\d+))?")
_MEANT = re.compile(r"cc[-_]?main[-_#\w]{1,16}", re.IGNORECASE)
_LAYOUT = ("crawl-data/", "cc-index/")


@dataclass(frozen=True, slots=True)
class Store:
    """Where snapshots are read from.

    Attributes:
        base_url: What lies above `crawl-data/` and `cc-index/`: a URL, a bucket prefix or a directory.
        list_url: `collinfo.json`, the list of snapshots; by default Common Crawl's own or, for any other
            base URL, the file of that name below it.
    """

    base_url: str = COMMON_CRAWL
    list_url: str | None = None

    def uri(self, path: str) -> str:
        """URL or path of a file, from its path in the layout."""
        return f"{self.base_url.rstrip('/')}/{path}"

    def paths(self, snapshot: str, listing: str) -> list[str]:
        """The files a snapshot lists, in its order: paths in the layout.

        Args:
            snapshot: `CC-MAIN-...`
            listing: `warc`, `wet`, `wat`, `cc-index-table`...

        Raises:
            UserError: There is no such snapshot (names the nearest ones), or no such list.
            ShardFailed, Transient: The list cannot be had.
        """
        uri = self.uri(f"crawl-data/{snapshot}/{listing}.paths.gz")
        try:
            data = _read(uri)
        except UserError:
            self._check_name(snapshot)
            raise
        try:
            paths = decode_text(data).split()
        except ValueError as error:
            raise UserError(f"{uri} is not a list of archives: {error}.", "Check the base URL.") from error
        if not all(path.startswith(_LAYOUT) for path in paths):
            raise UserError(f"{uri} is not a list of archives.", "Check the base URL.")
        if not paths:
            raise UserError(f"The snapshot {snapshot} lists no files at {uri}.")
        return paths

    def _check_name(self, snapshot: str) -> None:
        """Raises UserError where the list of snapshots is there and does not have this one."""
        where = self._list()
        try:
            names = [str(entry["id"]) for entry in json.loads(_read(where))]
        except (UserError, ShardFailed, Transient, ValueError, TypeError, KeyError):
            return  # a mirror need not have one
        if snapshot not in names:
            raise UserError(f"There is no snapshot {snapshot};", nearest_names(snapshot, names, where))

    def _list(self) -> str:
        if self.list_url:
            return self.list_url
        return COMMON_CRAWL_LIST if self.uri("") == COMMON_CRAWL else self.uri("collinfo.json")

    def unknown(self, given: str) -> UserError:
        """What to say of something that was meant as a snapshot's name and is none."""
        try:
            self._check_name(given.partition("#")[0])
        except UserError as error:
            return error
        return UserError(f"{given} is no snapshot's name.", "They look like CC-MAIN-2026-05, or CC-MAIN-2026-05#3.")


def parse_snapshot(given: str) -> tuple[str, int | None] | None:
    """Name and archive number of `CC-MAIN-2026-05#3`; None where it is no snapshot's name."""
    match = _SNAPSHOT.fullmatch(given)
    return (match[1], int(match[2]) if match[2] else None) if match else None


def looks_like_snapshot(given: str) -> bool:
    """Whether somebody who writes this means a snapshot, well spelt or not."""
    return bool(_MEANT.fullmatch(given))


def nearest_names(wanted: str, names: Sequence[str], where: str) -> str:
    """A hint with the names most like the one wanted; the newest ones where none is."""
    by_lower = {name.lower(): name for name in names}
    near = [by_lower[name] for name in difflib.get_close_matches(wanted.lower(), list(by_lower), 3, cutoff=0.7)]
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"the newest are {', '.join(names[:3])} ({where})." if names else f"{where} lists none."


def _read(uri: str) -> bytes:
    if is_web(uri):
        return WebFile(uri).read_whole()
    if is_local(uri) and not local_path(uri).is_file():
        raise UserError(f"There is no file {uri}.", "Check the base URL.")
    with open_read(uri) as stream:
        return stream.read()
