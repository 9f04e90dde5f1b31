"""Files that are made without a lake being written, models above all: seen when they are whole, and not before.

No run of a lake tidies up beside them, so what a killed command left there goes with the next one.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.files import publish, write_errors
from storage.unfinished import make_directory_of, remove_stale_beside, temporary_for


def prepare_output(path: str) -> None:
    """Make the directory of a file, and remove what dead runs left unfinished beside it.

    Raises:
        UserError: The directory cannot be made.
    """
    with write_errors(path):
        make_directory_of(path)
        remove_stale_beside(path)


@contextmanager
def folder_beside(path: str) -> Iterator[Path]:
    """A folder for what is on the way to the file `path`; gone with the block, or after a kill with the next
    `prepare_output`.

    Raises:
        UserError: Nothing can be written there.
    """
    folder = temporary_for(path)
    with write_errors(path):
        folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def publishing(path: str) -> Iterator[Path]:
    """A file for a library to write: it appears at `path` when the block ends, and is gone where the block fails.

    Raises:
        UserError, Fatal: As `storage.files.AtomicFile`.
    """
    temporary = temporary_for(path)
    with write_errors(path):
        temporary.touch()  # what cannot be written to is told here: the library would have words of its own
    try:
        yield temporary
        publish(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
