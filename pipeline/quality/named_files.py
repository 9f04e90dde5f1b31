"""Files that a recipe names, read once a process and again when they change.

A model trained anew under the same path is another model, also to a process that has served the old one.
"""

from __future__ import annotations

from pathlib import Path


def state_of(path: str) -> tuple[int, int]:
    """Size in bytes and time of change in nanoseconds: what a cache of the file's content goes by.

    Raises:
        OSError: There is no such file.
    """
    state = Path(path).stat()
    return state.st_size, state.st_mtime_ns
