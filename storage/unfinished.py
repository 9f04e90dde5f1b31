"""Unfinished files: where they are built, names that tell whose they are, and the removal of what dead runs left.

A temporary name carries the host and process that writes it, so nothing that a living process is writing is ever
touched; object stores never show an unfinished upload, so all this is of local places.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import uuid
from collections.abc import Iterable
from pathlib import Path

from storage.processes import is_running
from storage.uris import is_local, local_path

TEMPORARY = ".tmp"
"""How the name of an unfinished file ends; no reader ever looks at one."""

UNFINISHED = (TEMPORARY, f"{TEMPORARY}.wal")
"""The second is DuckDB's, beside a database that is being made."""


def writer_tag() -> str:
    """`host-process-random`: names what this process is still writing."""
    return f"{_host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def temporary_for(path: str) -> Path:
    """Where to build what is to appear at `path`: beside it, or for a store in the temporary directory."""
    name = f".{writer_tag()}{TEMPORARY}"
    return local_path(path).with_name(name) if is_local(path) else Path(tempfile.gettempdir()) / name


def make_directory_of(path: str) -> None:
    """Make the directory a local file goes to; stores have none."""
    if is_local(path):
        local_path(path).parent.mkdir(parents=True, exist_ok=True)


def remove_stale_beside(path: str) -> None:
    """Remove what dead runs of this host left unfinished in the directory of a local file, not below it."""
    if is_local(path):
        _remove_dead(entry for end in UNFINISHED for entry in local_path(path).parent.glob(f".*{end}"))


def remove_stale(directory: str, ours: bool = False) -> list[str]:
    """Remove what dead runs of this host left unfinished below a local directory; the paths removed.

    Args:
        ours: Also what this process is writing, for it is about to end.
    """
    if not is_local(directory):
        return []
    mine = f".{_host()}-{os.getpid()}-" if ours else None
    return _remove_dead((path for end in UNFINISHED for path in local_path(directory).rglob(f"*{end}")), mine)


def _remove_dead(found: Iterable[Path], mine: str | None = None) -> list[str]:
    """Remove the unfinished files of dead processes, and those whose names begin with `mine`; the paths removed."""
    stale = [
        path
        for path in sorted(found)
        if _writer_is_dead(path.name) or (mine is not None and path.name.startswith(mine))
    ]
    for path in stale:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return [str(path) for path in stale]


def _writer_is_dead(name: str) -> bool:
    """Whether a temporary name is one of this host's, and of a process that runs no more."""
    host, _, rest = name.removeprefix(".").partition("-")
    process, _, _ = rest.partition("-")
    return host == _host() and process.isdigit() and not is_running(int(process))


def _host() -> str:
    """This machine's name, in letters that a file's name may have and without the dash that parts a tag."""
    return "".join(letter if letter.isalnum() else "_" for letter in socket.gethostname())
