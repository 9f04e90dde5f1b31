"""Reading and writing object stores and web servers: with patience, and with errors of our three kinds."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import fsspec

from storage.errors import ShardFailed, Transient, UserError, WinnowError
from storage.patience import PAUSES, patiently
from storage.uris import is_web
from storage.web import Version, WebFile
from storage.web_stream import WebStream

_BUFFER_BYTES = 1 << 20
_BLOCK_BYTES = 8 << 20
"""Asked of an object store at a time; s3fs would keep 50 MiB of every open file."""

_CLIENTS = ("aiobotocore", "botocore", "google", "azure", "aiohttp")
_CREDENTIALS = (
    "Give the store's credentials as its own tools take them: for S3 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a "
    "profile, for a public bucket FSSPEC_S3_ANON=true."
)

_MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


@contextmanager
def read_errors(uri: str) -> Iterator[None]:
    """Turn what a store says while reading `uri` into one of our three kinds of error."""
    try:
        yield
    except Exception as error:
        status = _http_status(error)
        if status is None and (failure := client_failure(uri, error)):
            raise failure from error
        if not isinstance(error, OSError) and status is None:
            raise
        raise _read_failure(uri, error, status) from error


def client_failure(uri: str, error: Exception) -> WinnowError | None:
    """What a store's client says in exceptions that are no OSError, or why there is no such client; None of others."""
    if isinstance(error, ImportError) or str(error).startswith("Protocol not known"):
        return UserError(f"{uri} cannot be reached: {error}.", "Check the part before `://`.")
    if isinstance(error, ValueError) and str(error).startswith("Invalid endpoint"):
        hint = "AWS_ENDPOINT_URL, or the profile's endpoint_url, begins with http:// or https://."
        return UserError(f"{uri} cannot be reached: {error}.", hint)
    if type(error).__module__.partition(".")[0] not in _CLIENTS:
        return None
    reason = " ".join(str(error).split()) or type(error).__name__
    if "Credentials" in type(error).__name__:
        return UserError(f"{uri} cannot be reached: {reason}.", _CREDENTIALS)
    return Transient(f"{uri} cannot be reached: {reason}.")


def store_of(protocol: str) -> Any:
    """The file system of a protocol ("s3").

    Raises:
        UserError: There is none, or its package is missing.
    """
    with read_errors(f"{protocol}://"):
        return fsspec.filesystem(protocol)


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
        try:
            with read_errors(self._uri):
                return self._file.read(size)
        except UserError as error:  # it was there when it was opened: no mistake of the user's
            raise ShardFailed(error.message, error.hint) from error

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
    if type(error).__name__ == "FileExpired":  # s3fs: the object's ETag is another one now
        return ShardFailed(f"{uri} changed while it was read.", "Give the command again to read it as it is now.")
    reason = str(error) or type(error).__name__
    kind = Transient if "://" in uri.removeprefix("file://") else ShardFailed
    return kind(f"Reading {uri} failed: {reason}.")


def open_remote(uri: str) -> BinaryIO:
    """A buffered stream over a remote file that tries again where that can help."""
    if is_web(uri):
        return open_version(uri, None)[0]
    return io.BufferedReader(RemoteStream(uri, patiently(lambda: _open(uri))), _BUFFER_BYTES)


def open_version(uri: str, expected: Version | None) -> tuple[BinaryIO, int]:
    """The same, with the file's size in bytes.

    Args:
        expected: Version it must be; None takes the one there is.

    Raises:
        ShardFailed: It is another version.
    """
    if is_web(uri):
        file = WebFile(uri, expected)
        stream = io.BufferedReader(WebStream(file), _BUFFER_BYTES)
        stream.peek(1)  # a file that is not there is to be told of here, not at the first read
        return stream, file.version.size
    found = version_of(uri)
    if expected is not None and found != expected:
        message = f"{uri} is not what it was: it had {expected.size:,} bytes (version {expected.etag}), "
        hint = "Give the command again to read it as it is now."
        raise ShardFailed(f"{message}now {found.size:,} (version {found.etag}).", hint)
    return open_remote(uri), found.size


def version_of(uri: str) -> Version:
    """Size and version mark of a remote file."""
    return WebFile(uri).version if is_web(uri) else patiently(lambda: _version_once(uri))


def _version_once(uri: str) -> Version:
    with read_errors(uri):
        filesystem, path = fsspec.url_to_fs(uri)
        info = filesystem.info(path)
    changed = info.get("LastModified") or info.get("created")
    return Version(int(info.get("size") or 0), info.get("ETag") or (str(changed) if changed else None))


def _open(uri: str) -> BinaryIO:
    with read_errors(uri):
        filesystem, path = fsspec.url_to_fs(uri)
        return cast(BinaryIO, filesystem.open(path, "rb", block_size=_BLOCK_BYTES))


def range_reader(uri: str) -> Callable[[int, int], bytes]:
    """What reads the bytes of a remote file from start to end: fewer where it ends before. For several threads."""
    if is_web(uri):
        return WebFile(uri).read
    size = version_of(uri).size

    def read(start: int, end: int) -> bytes:
        with read_errors(uri):
            filesystem, path = fsspec.url_to_fs(uri)
            return cast(bytes, filesystem.cat_file(path, start=start, end=min(end, size))) if start < size else b""

    return lambda start, end: patiently(lambda: read(start, end))


def upload(temporary: Path, uri: str) -> None:
    """Move a finished local file into a store."""
    filesystem, path = fsspec.url_to_fs(uri)
    filesystem.put_file(str(temporary), path)  # an object is seen when its upload is complete, never before
    temporary.unlink()


def stamps_remote(prefix: str) -> dict[str, str]:
    """URLs of all objects below a prefix, each with its store's mark of the content; asked for anew."""
    with read_errors(prefix):
        filesystem, path = fsspec.url_to_fs(prefix)
        filesystem.invalidate_cache(path)
        try:
            found = filesystem.find(path, detail=True)
        except FileNotFoundError:
            return {}
        return {filesystem.unstrip_protocol(name): mark_of(info) for name, info in found.items()}


def mark_of(info: Mapping[str, Any]) -> str:
    """What a store says of an object that changes when its content does."""
    return str(info.get("ETag") or (info.get("size"), info.get("LastModified") or info.get("created")))


def list_remote(prefix: str) -> list[str]:
    """URLs of all objects below a prefix; [] when there is none."""
    with read_errors(prefix):
        filesystem, path = fsspec.url_to_fs(prefix)
        try:
            return [filesystem.unstrip_protocol(found) for found in filesystem.find(path)]
        except FileNotFoundError:
            return []
