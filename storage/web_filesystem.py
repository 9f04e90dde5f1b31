"""Web servers as a file system, for libraries that take fsspec's: the same patience, in blocks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from storage.errors import WinnowError
from storage.web import Version, WebFile

_T = TypeVar("_T")

_BLOCK_BYTES = 1 << 20


class WebFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """`http://` and `https://`, reading only; see `WebFile` for what it raises.

    DuckDB wraps what is raised under it into words of its own: `failure` keeps the error itself.
    """

    protocol = ("http", "https")
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self.failure: WinnowError | None = None
        self._versions: dict[str, Version] = {}

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        """Size and type of a file."""
        return {"name": path, "size": self.version(path).size, "type": "file"}

    def version(self, path: str) -> Version:
        """Asked for once: a file must be the same one whenever it is opened."""
        if path not in self._versions:
            self._versions[path] = self.remember(lambda: WebFile(path).version)
        return self._versions[path]

    def remember(self, action: Callable[[], _T]) -> _T:
        """The action's result; its error is kept."""
        try:
            return action()
        except WinnowError as error:
            self.failure = self.failure or error
            raise

    def modified(self, path: str) -> datetime:
        """The same for every file: what changed is told by `version`."""
        return datetime(1970, 1, 1, tzinfo=UTC)

    def exists(self, path: str, **kwargs: Any) -> bool:
        """Whether the file is there; raises where it is not, saying why."""
        return self.version(path) is not None

    def glob(self, path: str, **kwargs: Any) -> list[str]:
        """The path itself: web servers list nothing."""
        return [path] if self.exists(path) else []

    def _open(self, path: str, mode: str = "rb", **kwargs: Any) -> _BlockFile:
        return _BlockFile(self, path, self.version(path))


class _BlockFile(AbstractBufferedFile):  # type: ignore[misc]
    def __init__(self, filesystem: WebFileSystem, path: str, version: Version) -> None:
        super().__init__(filesystem, path, block_size=_BLOCK_BYTES, cache_type="readahead", size=version.size)
        self._web, self._filesystem = WebFile(path, version), filesystem

    def _fetch_range(self, start: int, end: int) -> bytes:
        return self._filesystem.remember(lambda: self._web.read(start, end))
