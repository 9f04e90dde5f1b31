"""Archives kept on this machine: what was downloaded once is not asked for again, and a part is never the whole.

A copy carries its version (size and ETag) in its name. It grows under that name with `.part` behind it, goes on
where it stopped, also after kill -9 or a power cut, and loses the `.part` when it is whole and on the disk.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.errors import ShardFailed, UserError
from storage.files import publish, write_errors
from storage.lake import fingerprint, safe_name
from storage.unfinished import make_directory_of
from storage.uris import split_url
from storage.web import Version, WebFile

_PART, _LOCK = ".part", ".lock"
_SYNC_BYTES = 32 << 20
"""So many bytes at a time are made safe on the disk, before anything after them is written."""


def download(uri: str, directory: str, expected: Version | None = None) -> Path:
    """The local copy of a web file; fetched, or fetched to its end, where it is not there yet.

    Several processes may ask for the same file: one fetches, the others wait.

    Args:
        uri: `https://...`
        directory: Where copies are kept: below the host's name, by the URL's path.
        expected: Version it must be; None takes a copy of any version, and without one the version there is.

    Raises:
        UserError: The directory cannot be written to.
        ShardFailed: There is no such file, it is another version, or it cannot be had whole.
        Transient: Its server stayed busy.
        Fatal: The disk is full.
    """
    base = _place(uri, directory)
    with _alone(base):
        if kept := _kept(base, expected):
            return kept
        file = WebFile(uri, expected)
        try:
            target = _named(base, file.version)
        except UserError as error:
            raise ShardFailed(error.message, error.hint) from error
        part = target.with_name(target.name + _PART)
        _fetch(file, part)
        publish(part, str(target))
        return target


def _fetch(file: WebFile, part: Path) -> None:
    """Make the part whole: what of it is known to be on the disk is kept, the rest is asked for."""
    with write_errors(str(part)), part.open("ab") as out:
        # a part that is longer than a block was synced to that block's end; of one just as long that is not known
        place = max(out.tell() - 1, 0) // _SYNC_BYTES * _SYNC_BYTES
        out.truncate(place)
        for piece in file.stream(place):
            while piece:
                room = _SYNC_BYTES - place % _SYNC_BYTES
                place += out.write(piece[:room])
                piece = piece[room:]
                if place % _SYNC_BYTES == 0:
                    out.flush()
                    os.fsync(out.fileno())


def _kept(base: Path, expected: Version | None) -> Path | None:
    """The copy of that version, or the one written last where any will do; None where there is none."""
    if expected is not None:
        target = _named(base, expected)
        return target if target.exists() else None
    found = [
        path
        for path in base.parent.glob(f"{base.name}.*")
        if path.stem == base.name and path.suffix not in (_PART, _LOCK)  # a.warc.gz.<mark> is no copy of a.warc
    ]
    return max(found, key=lambda path: (path.stat().st_mtime_ns, path.name)) if found else None


def _place(uri: str, directory: str) -> Path:
    parts = split_url(uri)
    query = f"?{parts.query}" if parts.query else ""
    names = [name for name in parts.path.split("/") if name] or ["index"]
    folder = Path(directory).expanduser() / safe_name(parts.netloc)
    return folder.joinpath(*map(safe_name, names[:-1]), safe_name(names[-1] + query))


def _named(base: Path, version: Version) -> Path:
    return base.with_name(f"{base.name}.{fingerprint(version)}")


@contextmanager
def _alone(base: Path) -> Iterator[None]:
    path = base.with_name(base.name + _LOCK)
    with write_errors(str(path)):
        make_directory_of(str(path))
        lock = path.open("w")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # given back when the file is closed, also by kill -9
        yield
