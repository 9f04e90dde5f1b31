"""Files that only one of several writers can create: what a lease is made of, here and in object stores.

A local file gets its name by `link`, which fails where the name is taken, so that nobody sees a part of it. An object
store is asked to put it only where there is nothing (`If-None-Match: *`; S3, GCS, Azure and MinIO keep to it), and what
it says is checked by reading back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import fsspec

from storage import files
from storage.errors import UserError
from storage.patience import patiently
from storage.remote import read_errors
from storage.unfinished import make_directory_of, temporary_for
from storage.uris import is_local, local_path

try:
    import fcntl
except ImportError:  # Windows: the check before a commit stays, its lock does not
    fcntl = None  # type: ignore[assignment]


def create_new(uri: str, data: bytes) -> bool:
    """Write a whole small file where there is none; whether it is ours now.

    Raises:
        UserError, Fatal, Transient: As writing and reading elsewhere.
    """
    return _create_local(uri, data) if is_local(uri) else _create_remote(uri, data)


def read_now(uri: str) -> bytes | None:
    """A small file as it is at this moment, past any cache; None where there is none."""
    try:
        if is_local(uri):
            with files.open_read(uri) as stream:
                return stream.read()
        return patiently(lambda: _fetch(uri))
    except UserError:
        return None


def _fetch(uri: str) -> bytes:
    filesystem, path = fsspec.url_to_fs(uri)
    with read_errors(uri):
        return bytes(filesystem.cat_file(path))  # asks for the object itself: opening one believes an older listing


@contextmanager
def shared(path: str) -> Iterator[None]:
    """Hold a shared lock on a local path while the block lasts, also while this process is stopped. None in a store."""
    with _locked(path, exclusive=False) as got:
        assert got
        yield


@contextmanager
def sole(path: str) -> Iterator[bool]:
    """Try to lock the path exclusively while the block lasts; yields False where another process is within `shared`."""
    with _locked(path, exclusive=True) as got:
        yield got


@contextmanager
def _locked(path: str, exclusive: bool) -> Iterator[bool]:
    if fcntl is None or not is_local(path):
        yield True
        return
    with files.write_errors(path):
        make_directory_of(path)
        descriptor = os.open(local_path(path), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        yield _lock(descriptor, exclusive)
    finally:
        os.close(descriptor)  # which lets it go


def _lock(descriptor: int, exclusive: bool) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if exclusive else fcntl.LOCK_SH)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: the check alone has to do
        return True
    return True


def _create_local(uri: str, data: bytes) -> bool:
    temporary = temporary_for(uri)
    with files.write_errors(uri):
        make_directory_of(uri)
        try:
            with temporary.open("xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            return _link(str(temporary), str(local_path(uri)), data)
        finally:
            temporary.unlink(missing_ok=True)


def _link(temporary: str, path: str, data: bytes) -> bool:
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without links: exclusive, but a reader may meet it while it is still empty
        try:
            with open(path, "xb") as stream:  # noqa: PTH123  the mode is the point
                stream.write(data)
        except FileExistsError:
            return False
    return True


def _create_remote(uri: str, data: bytes) -> bool:
    filesystem, path = fsspec.url_to_fs(uri)
    refused: Exception | None = None
    try:
        filesystem.pipe_file(path, data, mode="create")
    except (OSError, ValueError) as error:  # taken; or an answer that got lost, after the file was made
        refused = error
    found = read_now(uri)
    if found is None and refused is not None:
        with read_errors(uri):
            raise refused
    return found == data
