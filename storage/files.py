"""Files, here and in object stores: written whole or not at all, read by URI, listed in a fixed order."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, cast

import fsspec

from storage.errors import Fatal, UserError
from storage.remote import (
    client_failure,
    list_remote,
    mark_of,
    open_remote,
    read_errors,
    stamps_remote,
    upload,
    version_of,
)
from storage.unfinished import UNFINISHED, make_directory_of, temporary_for
from storage.uris import is_local, local_path

_CHUNK_BYTES = 1 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOENT,
            errno.ENAMETOOLONG, errno.ELOOP}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Digest:
    """What was written: its size in bytes and its sha256, hexadecimal."""

    bytes: int
    sha256: str


class AtomicFile:
    """A file that appears under its name only when `commit` is called, complete and on the disk.

    Locally it is written under a temporary name beside the target, synced and renamed; for an object store it
    is written to the machine's temporary directory and uploaded. Not seekable: the digest is taken of what
    passes by.

    Raises:
        UserError: The place cannot be written to.
        Fatal: The disk is full, or failed.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.closed = False
        self._sha256 = hashlib.sha256()
        self._bytes = 0
        self._temporary = temporary_for(path)
        with write_errors(path):
            make_directory_of(path)
            self._file = self._temporary.open("xb")

    def write(self, data: Any) -> int:
        """Append bytes, or anything with a buffer; how many."""
        view = memoryview(data).cast("B")
        with write_errors(self.path):
            self._file.write(view)
        self._sha256.update(view)
        self._bytes += len(view)
        return len(view)

    def tell(self) -> int:
        """Bytes written so far."""
        return self._bytes

    def flush(self) -> None:
        """Nothing: `commit` alone decides when the file is safe."""

    def close(self) -> None:
        """Nothing: only `commit` and `abort` end the file; writers that close what they are given may."""

    def readable(self) -> bool:
        """Never."""
        return False

    def writable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Never."""
        return False

    def commit(self) -> Digest:
        """Make the file appear, complete and synced."""
        with write_errors(self.path):
            self._file.close()
        publish(self._temporary, self.path)
        self.closed = True
        return Digest(self._bytes, self._sha256.hexdigest())

    def abort(self) -> None:
        """Leave nothing behind; harmless after `commit`."""
        if self.closed:
            return
        self.closed = True
        with suppress(OSError):  # what could not be written cannot be flushed either
            self._file.close()
        self._temporary.unlink(missing_ok=True)


def publish(temporary: Path, path: str) -> None:
    """Sync a finished temporary file and make it appear at `path`, in place of what was there.

    Raises:
        UserError, Fatal: As `AtomicFile`.
    """
    with write_errors(path):
        _sync(temporary)
        if not is_local(path):
            return upload(temporary, path)
        temporary.replace(local_path(path))
        return _sync(local_path(path).parent)  # the rename itself must survive a power cut


def write_atomic(path: str, write: Callable[[BinaryIO], None]) -> Digest:
    """Write a whole file through `write(stream)`; an exception from it leaves nothing behind."""
    file = AtomicFile(path)
    try:
        write(cast(BinaryIO, file))
        return file.commit()
    finally:
        file.abort()


def write_bytes(path: str, data: bytes) -> Digest:
    """Write a whole small file."""
    file = AtomicFile(path)
    try:
        file.write(data)
        return file.commit()
    finally:
        file.abort()


def open_read(uri: str) -> BinaryIO:
    """A binary stream over a file anywhere.

    Raises:
        UserError: There is no such file, or it may not be read.
        Transient: Its store did not answer; it may next time.
    """
    with read_errors(uri):
        if is_local(uri):
            return local_path(uri).open("rb")
    return open_remote(uri)


def exists(uri: str) -> bool:
    """True when there is a finished file (or directory) of that name."""
    if is_local(uri):
        return local_path(uri).exists()
    with read_errors(uri):
        filesystem, path = fsspec.url_to_fs(uri)
        return bool(filesystem.exists(path))


def list_files(prefix: str, suffix: str = "") -> list[str]:
    """Finished files below a directory or bucket prefix whose name ends in `suffix`, sorted; [] when none."""
    found = _local_files(local_path(prefix)) if is_local(prefix) else list_remote(prefix)
    return sorted(path for path in found if path.endswith(suffix) and not path.endswith(UNFINISHED))


def holds_more_than(directory: str, count: int) -> bool:
    """Whether a local directory has more files than that, below it too; it stops looking where it has."""
    return next(islice(_local_files(local_path(directory)), count, None), None) is not None


def list_stamps(prefix: str, suffix: str = "") -> dict[str, str]:
    """The files of `list_files`, each with a mark that changes when its content does."""
    if is_local(prefix):
        return {uri: stamp(uri) for uri in list_files(prefix, suffix)}
    return {uri: mark for uri, mark in stamps_remote(prefix).items() if uri.endswith(suffix)}


def stamp(uri: str) -> str:
    """Changes when the file's content does: size and time of change, or a store's own mark."""
    with read_errors(uri):
        if is_local(uri):
            found = local_path(uri).stat()
            return f"{found.st_size}-{found.st_mtime_ns}"
        filesystem, path = fsspec.url_to_fs(uri)
        return mark_of(filesystem.info(path))


def size_of(uri: str) -> int:
    """Bytes of a file.

    Raises:
        UserError: There is no such file, or it may not be looked at.
        Transient: Its store did not answer; it may next time.
    """
    with read_errors(uri):
        return local_path(uri).stat().st_size if is_local(uri) else version_of(uri).size


def remove(uri: str) -> None:
    """Remove a file; one that is not there is no error."""
    with write_errors(uri):
        if is_local(uri):
            local_path(uri).unlink(missing_ok=True)
            return
        filesystem, path = fsspec.url_to_fs(uri)
        with suppress(FileNotFoundError):
            filesystem.rm_file(path)


def sha256_of(uri: str) -> str:
    """sha256 of a file's bytes, hexadecimal, streamed."""
    with open_read(uri) as stream, read_errors(uri):
        return _sha256(stream)


@contextmanager
def write_errors(path: str) -> Iterator[None]:
    """Turn the operating system's refusals while writing `path` into a sentence and what to do.

    Raises:
        Fatal: The disk is full or failed.
        UserError: The place does not take files from us.
    """
    try:
        yield
    except OSError as error:
        raise _write_failure(path, error) from error
    except Exception as error:
        if failure := client_failure(path, error):
            raise failure from error
        raise


def _write_failure(path: str, error: OSError) -> Fatal:
    reason = error.strerror or str(error) or type(error).__name__
    if error.errno in _FULL:
        hint = "Free some space (or put the lake elsewhere with --lake), then give the same command: it resumes."
        return Fatal(f"No room left to write {path}: {reason}.", hint)
    if error.errno in _REFUSED or isinstance(error, PermissionError):
        return UserError(
            f"Cannot write {path}: {reason}.", "Choose another directory (a lake's with --lake), or make it writable."
        )
    if isinstance(error, FileNotFoundError):  # a store's: no number says so
        return UserError(f"Cannot write {path}: {reason.rstrip('.')}.", "Make the bucket, or check its name.")
    return Fatal(f"Writing {path} failed: {reason}.", "The same command resumes once the store is well again.")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _local_files(root: Path) -> Iterable[str]:
    return (str(Path(folder) / name) for folder, _, names in os.walk(root) for name in names)


def _sha256(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()
