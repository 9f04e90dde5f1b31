"""Reading and writing object stores and web servers: with patience, and with errors of our three kinds."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import fsspec

from storage.errors import ShardFailed, Transient, UserError, WinnowError

_T = TypeVar("_T")

PAUSES = (1.0, 3.0, 9.0, 27.0)
"""Seconds between attempts at a store that says it is busy."""

_BUFFER_BYTES = 1 << 20
_MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


@contextmanager
def read_errors(uri: str) -> Iterator[None]:
    """Turn what a store says while reading `uri` into one of our three kinds of error."""
    try:
        yield
    except Exception as error:
        status = _http_status(error)
        if not isinstance(error, OSError) and status is None:
            raise
        raise _read_failure(uri, error, status) from error


def patiently(action: Callable[[], _T], pauses: Sequence[float] = PAUSES) -> _T:
    """The action's result; tried again after each pause while it is `Transient`, whose last one is raised."""
    for pause in pauses:
        try:
            return action()
        except Transient:
            time.sleep(pause)
    return action()


class RemoteStream(io.RawIOBase):
    """A remote file read with patience: a dropped connection or a busy store costs a pause."""

    def __init__(self, uri: str, file: BinaryIO) -> None:
        self._uri, self._file = uri, file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._file.seekable()

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        # a file that cannot seek has lost its place after a failure: no second try
        data = patiently(lambda: self._read(len(buffer)), PAUSES if self.seekable() else ())
        buffer[: len(data)] = data
        return len(data)

    def _read(self, size: int) -> bytes:
        with read_errors(self._uri):
            return self._file.read(size)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def _http_status(error: BaseException | None) -> int | None:
    """The status an HTTP client met; fsspec hides it behind a FileNotFoundError, whatever it was."""
    while error is not None:
        if isinstance(status := getattr(error, "status", None), int):
            return status
        error = error.__cause__
    return None


def _read_failure(uri: str, error: Exception, status: int | None) -> WinnowError:
    if status in (404, 410) or (isinstance(error, _MISSING) and status is None):
        return UserError(f"There is no file {uri}.", "Check the path or URL.")
    if isinstance(error, PermissionError) or status in (401, 403):
        return UserError(f"{uri} may not be read.", "Check its permissions or your credentials.")
    reason = str(error) or type(error).__name__
    kind = Transient if "://" in uri.removeprefix("file://") else ShardFailed
    return kind(f"Reading {uri} failed: {reason}.")


def open_remote(uri: str) -> BinaryIO:
    """A buffered stream over a remote file that tries again where that can help."""
    return io.BufferedReader(RemoteStream(uri, patiently(lambda: _open(uri))), _BUFFER_BYTES)


def _open(uri: str) -> BinaryIO:
    with read_errors(uri):
        return cast(BinaryIO, fsspec.open(uri, "rb").open())


def upload(temporary: Path, uri: str) -> None:
    """Move a finished local file into a store."""
    filesystem, path = fsspec.url_to_fs(uri)
    filesystem.put_file(str(temporary), path)  # an object is seen when its upload is complete, never before
    temporary.unlink()


def list_remote(prefix: str) -> list[str]:
    """URLs of all objects below a prefix; [] when there is none."""
    with read_errors(prefix):
        filesystem, path = fsspec.url_to_fs(prefix)
        try:
            return [filesystem.unstrip_protocol(found) for found in filesystem.find(path)]
        except FileNotFoundError:
            return []
