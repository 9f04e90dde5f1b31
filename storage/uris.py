"""Where a file is: a plain path or a `file://` URI is local; everything else with `://` goes through fsspec."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from storage.errors import UserError


def is_local(uri: str) -> bool:
    """True for a plain path or a `file://` URI."""
    return "://" not in uri or uri.startswith("file://")


def is_web(uri: str) -> bool:
    """True for `http://` and `https://`."""
    return uri.startswith(("http://", "https://"))


def local_path(uri: str) -> Path:
    """The path behind a local URI."""
    return Path(uri.removeprefix("file://"))


def split_url(uri: str) -> SplitResult:
    """The parts of a URL.

    Raises:
        UserError: It is none: half of an address (`http://[`), say.
    """
    try:
        return urlsplit(uri)
    except ValueError as error:
        raise UserError(f"{uri} is no URL: {error}.", "Check it.") from error


def whole_uri(uri: str) -> str:
    """A local path from the root on, so that it means the same from everywhere; a URL as it is."""
    return str(local_path(uri).absolute()) if is_local(uri) else uri


def join(root: str, path: str) -> str:
    """`path` below `root`, both directories and bucket prefixes."""
    return f"{root.rstrip('/')}/{path}"
