"""A file system that need not be asked whether the files of a lake are there: their committed rows say so."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fsspec.spec import AbstractFileSystem


class KnownFiles(AbstractFileSystem):  # type: ignore[misc]
    """Another file system, reading only, and the names of files that are known to be there.

    DuckDB looks for every file of a list before it plans a query: a request each, where the lake is in a store.
    """

    cachable = False

    def __init__(self, filesystem: Any) -> None:
        super().__init__()
        self.protocol = filesystem.protocol
        self.known: set[str] = set()
        self._store = filesystem

    def glob(self, path: str, **kwargs: Any) -> list[str]:
        """The path itself, where it is known."""
        return [path] if path in self.known else list(self._store.glob(path, **kwargs))

    def exists(self, path: str, **kwargs: Any) -> bool:
        """Whether there is such a file."""
        return path in self.known or bool(self._store.exists(path, **kwargs))

    def isfile(self, path: str) -> bool:
        """Whether there is such a file, and it is no directory."""
        return path in self.known or bool(self._store.isfile(path))

    def isdir(self, path: str) -> bool:
        """Whether it is a directory."""
        return path not in self.known and bool(self._store.isdir(path))

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        """Size and type of a file."""
        return dict(self._store.info(path, **kwargs))

    def modified(self, path: str) -> datetime:
        """When the file was written."""
        written: datetime = self._store.modified(path)
        return written

    def unstrip_protocol(self, name: str) -> str:
        """The path as a URL."""
        return str(self._store.unstrip_protocol(name))

    def open(self, path: str, mode: str = "rb", **kwargs: Any) -> Any:
        """The file, as the store opens it."""
        return self._store.open(path, mode, **kwargs)
