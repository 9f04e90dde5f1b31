"""Parts of a file by their place: what a ledger row or an index entry points at, read without the rest."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from storage.errors import ShardFailed
from storage.files import open_read
from storage.remote import range_reader
from storage.uris import is_local

GAP_BYTES = 256 << 10
"""Ranges of a remote file no further apart are fetched in one request: reading on costs less than asking again."""

REQUEST_BYTES = 8 << 20
"""Size of a request over several ranges."""

CONNECTIONS = 3
"""Requests to a store at once, for one file: enough to hide the waiting, and no burden."""

Range = tuple[int, int]
"""Offset and length in bytes."""


@dataclass(frozen=True, slots=True)
class _Request:
    start: int
    end: int
    ranges: tuple[Range, ...]


def read_ranges(uri: str, ranges: Sequence[Range], partial: bool = False) -> Iterator[bytes]:
    """The bytes of each (offset, length) of a file, here or in a store, in the order given.

    Neighbours in that order that lie close together in the file come in one request.

    Args:
        partial: Give what there is of a range that the file ends in, or nothing of one beyond its end.

    Raises:
        ShardFailed: The file ends before a range does (not with `partial`).
        Transient: The store stayed busy.
        UserError: There is no such file.
    """
    pieces = _local_pieces(uri, ranges) if is_local(uri) else _remote_pieces(uri, ranges)
    for (offset, length), data in zip(ranges, pieces, strict=True):
        if len(data) < length and not partial:
            raise ShardFailed(f"{uri} ends {length - len(data):,} bytes before the range {offset}+{length} does.")
        yield data


def plan_requests(ranges: Sequence[Range]) -> list[_Request]:
    """Ranges in as few requests as their places allow, their order kept."""
    requests: list[_Request] = []
    for offset, length in ranges:
        end = offset + length
        if requests and _joins(requests[-1], offset, end):
            last = requests[-1]
            requests[-1] = _Request(last.start, max(last.end, end), (*last.ranges, (offset, length)))
        else:
            requests.append(_Request(offset, end, ((offset, length),)))
    return requests


def _joins(request: _Request, offset: int, end: int) -> bool:
    near = request.start <= offset <= request.end + GAP_BYTES
    return near and max(end, request.end) - request.start <= REQUEST_BYTES


def _local_pieces(uri: str, ranges: Sequence[Range]) -> Iterator[bytes]:
    with open_read(uri) as stream:
        for offset, length in ranges:
            stream.seek(offset)
            yield stream.read(length)


def _remote_pieces(uri: str, ranges: Sequence[Range]) -> Iterator[bytes]:
    requests = plan_requests(ranges)
    for request, data in zip(requests, _fetched(range_reader(uri), requests), strict=True):
        for offset, length in request.ranges:
            yield data[offset - request.start : offset - request.start + length]


def _fetched(read: Callable[[int, int], bytes], requests: Sequence[_Request]) -> Iterator[bytes]:
    """The bytes of each request in order, the next few under way meanwhile."""
    waiting: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        try:
            for request in requests:
                waiting.append(pool.submit(read, request.start, request.end))
                if len(waiting) > CONNECTIONS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
