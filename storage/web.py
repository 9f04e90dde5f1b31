"""Files on web servers: read by ranges, with patience, and a part never taken for the whole.

Every request asks for a range, so that the answer says how long the file is (`Content-Range`), and so that a
connection that drops goes on at the byte where it stopped. Size and ETag of the first answer must hold in all
later ones. Servers that ignore ranges (answer 200) are read from their start again.

Source: RFC 9110, sections 13 and 14 (conditional and range requests).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from urllib3.exceptions import HTTPError, LocationValueError, MaxRetryError, ResponseError, SSLError
from urllib3.response import BaseHTTPResponse

from storage.errors import ShardFailed, Transient, UserError, WinnowError
from storage.patience import Patience, pace_of, retry_after
from storage.uris import split_url
from storage.web_requests import get, put_away

_T = TypeVar("_T")

_PIECE = 1 << 20
_BUSY = (429, 503)
_AGAIN = (408, 425, 500, 502, 504, *_BUSY)
_GONE = ("There is no file {}.", "Check the path or URL.")
_REFUSED = ("{} may not be read.", "Check its permissions or your credentials.")
_REFUSALS = {404: _GONE, 410: _GONE, 401: _REFUSED, 403: _REFUSED}
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
_HEADERS = {
    "User-Agent": "winnow/0.1",
    "Accept-Encoding": "identity",  # ranges of what the server would compress on the way are ranges of nothing we know
}


@dataclass(frozen=True, slots=True)
class Version:
    """What marks one version of a file: its size in bytes and the server's own mark (ETag, else Last-Modified)."""

    size: int
    etag: str | None


class _Busy(Exception):
    """The server wants to be asked again: later, where it says when."""

    def __init__(self, status: int, seconds: float | None) -> None:
        super().__init__(f"status {status}")
        self.status, self.seconds = status, seconds


class _Broken(Exception):
    """The server answers, but not with what its own headers promise."""


class WebFile:
    """One version of a file on a web server, whose bytes can be had from any place on.

    Args:
        uri: `http://` or `https://`.
        expected: Version it must be; None takes the one there is now.

    Raises (every method):
        UserError: There is no such file, or it may not be read.
        ShardFailed: It is not the version expected, it changed while it was read, or its server contradicts itself.
        Transient: The server stayed busy or did not answer.
    """

    def __init__(self, uri: str, expected: Version | None = None) -> None:
        self.uri = uri
        self._host = split_url(uri).netloc
        self._version = expected

    @property
    def version(self) -> Version:
        """Size and mark; asks for them where no answer has told them yet."""
        if self._version is None:
            self._patiently(self._probe)
        assert self._version is not None
        return self._version

    def read(self, start: int, end: int) -> bytes:
        """The bytes from start to end; fewer where the file ends before."""
        return b"".join(self.stream(start, end))

    def stream(self, start: int = 0, end: int | None = None) -> Generator[bytes, None, None]:
        """The same in pieces of at most 1 MiB, to the end of the file where `end` is None."""
        patience = Patience(self._host)
        place = start
        while not self._is_over(place, end):
            with self._attempt(patience), self._answer(place, end) as pieces:
                for piece in pieces:
                    patience.renew()
                    place += len(piece)
                    yield piece

    def read_whole(self) -> bytes:
        """A small file at once, also from servers that know neither its size nor ranges.

        Its end is told by Content-Length or the last chunk; without either nothing tells a part from the whole.
        """
        return self._patiently(self._whole)

    def _is_over(self, place: int, end: int | None) -> bool:
        if end is not None and place >= end:
            return True
        return self._version is not None and place >= self._version.size

    def _patiently(self, action: Callable[[], _T]) -> _T:
        patience = Patience(self._host)
        while True:
            with self._attempt(patience):
                return action()

    @contextmanager
    def _attempt(self, patience: Patience) -> Iterator[None]:
        """One attempt, whose failure is waited out; raises one of our errors where there is no use in another."""
        try:
            yield
        except _Busy as busy:
            error: WinnowError = Transient(f"{self._host} is busy (status {busy.status}), asked for {self.uri}.")
            patience.wait(error, busy.status in _BUSY, busy.seconds)
        except _Broken as broken:
            patience.wait(ShardFailed(f"{self.uri} cannot be had whole: {broken}."))
        except HTTPError as failure:
            patience.wait(self._no_answer(failure))

    def _no_answer(self, failure: HTTPError) -> WinnowError:
        cause = failure.reason if isinstance(failure, MaxRetryError) and failure.reason else failure
        if isinstance(cause, SSLError):
            raise UserError(f"{self._host} cannot be trusted: {cause}.", "Check its certificate.") from failure
        if isinstance(cause, LocationValueError | ResponseError):  # no URL, or redirects in a circle
            raise UserError(f"{self.uri} leads nowhere: {cause}.", "Check the URL.") from failure
        return Transient(f"Reading {self.uri} failed: {cause}.")

    @contextmanager
    def _answer(self, start: int, end: int | None) -> Iterator[Iterator[bytes]]:
        """Pieces of one answer, from `start` on; it may end before the range does."""
        with self._request(start, end) as response:
            first, last = self._span(response)
            wanted = (last if end is None else min(end, last)) - start
            if wanted <= 0 and not self._is_over(start, end):
                raise _Broken(f"nothing of it can be had from byte {start:,} on")
            yield _pieces(response, start - first, wanted)

    def _span(self, response: BaseHTTPResponse) -> tuple[int, int]:
        """Where the body of an answer lies in the file: first byte, and the one after its last."""
        length = _length(response)
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        total = int(match[3]) if match and match[3].isdecimal() else None
        if response.status == 416:
            if total is not None and self._version and total != self._version.size:
                raise _Broken(f"it was said to have {self._version.size:,} bytes, and has {total:,}")
            self._learn(total, response)
            return 0, 0
        if response.status == 200:
            self._learn(length, response)
            return 0, self.version.size
        if match is None or match[1] is None:
            raise _Broken("a partial answer does not say which part it is")
        first, last = int(match[1]), int(match[2]) + 1
        if length is not None and length != last - first:
            raise _Broken(f"Content-Length is {length:,}, Content-Range says {last - first:,}")
        self._learn(total, response)
        return first, last

    def _learn(self, size: int | None, response: BaseHTTPResponse) -> None:
        """Take the version from the first answer, and hold later ones to it."""
        etag = response.headers.get("ETag") or response.headers.get("Last-Modified")
        known = self._version
        if known is None:
            if size is None:
                message = f"{self.uri} is sent without its length: a part could not be told from the whole."
                raise ShardFailed(message, "Download it and give the file.")
            self._version = Version(size, etag)
            return
        if (size is not None and size != known.size) or _differ(known.etag, etag):
            raise ShardFailed(
                f"{self.uri} is not what it was: it had {known.size:,} bytes (version {known.etag}), "
                f"now {'as many' if size in (None, known.size) else f'{size:,}'} (version {etag}).",
                "Give the command again to read it as it is now.",
            )

    def _probe(self) -> None:
        with self._request(0, 1) as response:
            self._span(response)

    def _whole(self) -> bytes:
        with self._request(None, None) as response:
            chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
            if not chunked and _length(response) is None:
                raise ShardFailed(f"{self.uri} is sent without its length: a part could not be told from the whole.")
            return response.read(decode_content=True)

    @contextmanager
    def _request(self, start: int | None, end: int | None) -> Iterator[BaseHTTPResponse]:
        headers = dict(_HEADERS)
        if start is not None:
            headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
            etag = self._version.etag if self._version else None
            if etag and start and etag.startswith('"'):  # a weak mark may not be used so, nor a time
                headers["If-Range"] = etag
        pace_of(self._host).keep()
        response = get(self.uri, headers)
        try:
            self._check_status(response)
            pace_of(self._host).speed_up()
            yield response
        except HTTPError as failure:
            raise _Broken(f"its server stops in the middle ({failure})") from failure
        finally:
            put_away(response)

    def _check_status(self, response: BaseHTTPResponse) -> None:
        status = response.status
        if status in (200, 206, 416):
            return
        if status in _AGAIN:
            raise _Busy(status, retry_after(response.headers.get("Retry-After"), response.headers.get("Date")))
        message, hint = _REFUSALS.get(status, (f"{{}} cannot be read: its server answers with status {status}.", ""))
        kind = ShardFailed if self._version else UserError  # what was there a moment ago is no mistake of the user's
        raise kind(message.format(self.uri), hint)


def _pieces(response: BaseHTTPResponse, skip: int, wanted: int) -> Iterator[bytes]:
    """`wanted` bytes of a body after the first `skip`; `_Broken` once those there are have been given."""
    if skip < 0:
        raise _Broken("another part was sent than was asked for")
    while wanted > 0 and (data := response.read1(_PIECE, decode_content=False)):
        kept = data[skip : skip + wanted]
        skip = max(0, skip - len(data))
        wanted -= len(kept)
        if kept:
            yield kept
    if wanted > 0:
        raise _Broken(f"the answer ended {wanted:,} bytes early")


def _differ(one: str | None, other: str | None) -> bool:
    """Whether two marks of a file contradict each other; a mark of another kind, or none, says nothing."""
    marks = [mark.removeprefix("W/") for mark in (one, other) if mark]
    return len(marks) == 2 and marks[0].startswith('"') == marks[1].startswith('"') and marks[0] != marks[1]


def _length(response: BaseHTTPResponse) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None
