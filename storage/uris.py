"""Where a file is: a plain path or a `file://` URI is local; everything else with `://` goes through fsspec."""

from __future__ import annotations

from pathlib import Path


def is_local(uri: str) -> bool:
    """True for a plain path or a `file://` URI."""
    return "://" not in uri or uri.startswith("file://")


def local_path(uri: str) -> Path:
    """The path behind a local URI."""
    return Path(uri.removeprefix("file://"))


def whole_uri(uri: str) -> str:
    """A local path from the root on, so that it means the same from everywhere; a URL as it is."""
    return str(local_path(uri).absolute()) if is_local(uri) else uri


def join(root: str, path: str) -> str:
    """`path` below `root`, both directories and bucket prefixes."""
    return f"{root.rstrip('/')}/{path}"
