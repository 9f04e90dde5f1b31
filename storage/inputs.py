"""The archives behind what a person names: files, directories, globs, URLs, lists and Common Crawl snapshots.

`domain=path` declares what a source holds (`books=texts/*.jsonl.zst`). `CC-MAIN-2026-05` is a whole snapshot,
`CC-MAIN-2026-05#3` its fourth archive: they are counted from 0, in the order of the snapshot's own list. A file
that ends in `.paths` or `.paths.gz` lists archives, one a line.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import quote

import fsspec

from storage.errors import ShardFailed, UserError
from storage.files import list_files, sha256_of
from storage.lists import beside, is_list, list_page, read_list, snapshot_of
from storage.patience import patiently
from storage.remote import read_errors, version_of
from storage.snapshots import Store, looks_like_snapshot, parse_snapshot
from storage.sources import Sample, Source, name_apart
from storage.uris import is_local, is_web, local_path, split_url

LOCAL_CRAWL = "local"
WEB = "web"

_PLAIN_SUFFIXES = (".warc", ".arc", ".wet", ".jsonl", ".ndjson")
ARCHIVE_SUFFIXES = (
    *(kind + packed for kind in _PLAIN_SUFFIXES for packed in ("", ".gz", ".zst")),
    *(".json.gz", ".json.zst", ".parquet", ".wacz"),
)
"""What is an archive in a directory; a file named outright is read whatever its name."""

_NAMES = f"Archives are {', '.join(_PLAIN_SUFFIXES)} (.gz, .zst), .wacz and .parquet."
_DECLARED = re.compile(r"([a-z][a-z0-9_]*)=(.+)", re.DOTALL)


class _Found(NamedTuple):
    """An archive that an input names, before it was looked at."""

    uri: str
    archive: str
    crawl: str
    path: str | None = None


def expand_inputs(
    inputs: Sequence[str], crawl: str | None = None, store: Store | None = None, sample: Sample | None = None
) -> list[Source]:
    """Every archive behind the given inputs, each once, in the order of (crawl, archive).

    Args:
        inputs: As on the command line; see the head of this file.
        crawl: Name of the crawl; by default the snapshot's, or "local".
        store: Where snapshots are read from; None is Common Crawl's own.
        sample: How many archives to take of each input; None takes all.

    Raises:
        UserError: An input is not there, or has no archive in it.
        Transient: A store stayed busy.
    """
    sources = []
    for given in inputs:
        domain, where = _declared(given)
        found = _find(where, store or Store())
        for one in sample.of(found, lambda one: one.archive) if sample else found:
            sources.append(_source(one, crawl or one.crawl, domain))
    return name_apart(sources)


def _find(where: str, store: Store) -> list[_Found]:
    if snapshot := parse_snapshot(where):
        return _snapshot(*snapshot, store)
    if looks_like_snapshot(where) and not local_path(where).exists():
        raise store.unknown(where)
    if is_list(where) and not (is_local(where) and local_path(where).is_dir()):
        return [_listed(where, line, store) for line in read_list(where)]
    found = _local(where) if is_local(where) else _remote(where)
    return [_Found(uri, archive, LOCAL_CRAWL) for uri, archive in found]


def _listed(where: str, line: str, store: Store) -> _Found:
    """The archive of a line of a list: in a snapshot's layout below the store, else where the line says."""
    if snapshot := snapshot_of(line):
        return _Found(store.uri(line), snapshot[1], snapshot[0], line)
    return _Found(beside(where, line), PurePosixPath(line.partition("?")[0]).name, LOCAL_CRAWL)


def _declared(given: str) -> tuple[str, str]:
    """Domain and place; a file whose own name looks like `domain=path` is that file."""
    match = _DECLARED.fullmatch(given)
    if match is None or (is_local(given) and local_path(given).exists()):
        return WEB, given
    return match[1], match[2]


def _snapshot(name: str, number: int | None, store: Store) -> list[_Found]:
    paths = store.paths(name, "warc")
    if number is not None and number >= len(paths):
        raise UserError(f"{name} has {len(paths):,} archives; there is no #{number}.", "They are counted from 0.")
    chosen = paths if number is None else [paths[number]]
    start = f"crawl-data/{name}/"
    return [_Found(store.uri(path), path.removeprefix(start), name, path) for path in chosen]


def _local(where: str) -> list[tuple[str, str]]:
    path = local_path(where).expanduser()
    if path.is_dir():
        return _directory(path)
    if path.exists():
        return [(str(path), path.name)]
    if glob.has_magic(str(path)):
        return _glob(str(path))
    raise UserError(
        f"There is no file or directory {where}.", "Check the path; quote globs that the shell must not see."
    )


def _directory(root: Path) -> list[tuple[str, str]]:
    found = [uri for uri in list_files(str(root)) if uri.lower().endswith(ARCHIVE_SUFFIXES)]
    if not found:
        raise UserError(f"There is no archive in {root}.", _NAMES)
    return [(uri, Path(uri).relative_to(root).as_posix()) for uri in found]


def _glob(pattern: str) -> list[tuple[str, str]]:
    matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207  pathlib's takes no absolute pattern
    found = [path for path in map(Path, matches) if path.is_file()]
    if not found:
        raise UserError(f"Nothing matches {pattern}.", "Check the pattern; `**` goes into directories.")
    root = _plain_part(pattern)
    return [(str(path), path.relative_to(root).as_posix()) for path in found]


def _plain_part(pattern: str) -> Path:
    """The directories of a glob before its first wildcard."""
    parts = Path(pattern).parts
    first = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:first])


def _remote(uri: str) -> list[tuple[str, str]]:
    if is_web(uri) and not split_url(uri).hostname:
        raise UserError(f"{uri} names no host.", "Check the URL.")
    if is_web(uri):
        return _list_web(uri)
    return patiently(lambda: _remote_once(uri))


def _list_web(uri: str) -> list[tuple[str, str]]:
    """A file; or, of a URL that ends in a slash, the archives its page links to that lie right below it."""
    if not uri.endswith("/"):
        return [(uri, PurePosixPath(uri.partition("?")[0]).name)]
    found = [name for name in list_page(uri) if name.lower().endswith(ARCHIVE_SUFFIXES)]
    if not found:
        raise UserError(f"There is no archive at {uri}.", _NAMES)
    return [(uri + quote(name), name) for name in found]


def _remote_once(uri: str) -> list[tuple[str, str]]:
    with read_errors(uri):
        filesystem, path = fsspec.url_to_fs(uri)
        if "*" in path:
            found = sorted(filesystem.glob(path))
            root = path[: path.index("*")].rpartition("/")[0]
        elif uri.endswith("/") or filesystem.isdir(path):
            found = sorted(name for name in filesystem.find(path) if name.lower().endswith(ARCHIVE_SUFFIXES))
            root = path.rstrip("/")
        else:
            return [(uri, PurePosixPath(path.partition("?")[0]).name)]
    if not found:
        raise UserError(f"There is no archive at {uri}.", _NAMES)
    return [(filesystem.unstrip_protocol(name), name.removeprefix(f"{root}/")) for name in found]


def _source(found: _Found, crawl: str, domain: str) -> Source:
    uri = found.uri
    if not _is_text(uri):
        raise UserError(f"the name {uri!r} is not UTF-8, as names in the ledger are.", "Rename the file.")
    if found.path is not None:  # a snapshot's archives never change, and looking at 80,000 of them takes hours
        return Source(uri, found.archive, crawl, domain, 0, None, path=found.path)
    if is_local(uri):
        try:
            size = local_path(uri).stat().st_size
            return Source(uri, found.archive, crawl, domain, size, sha256_of(uri))
        except (OSError, ShardFailed) as error:
            raise UserError(f"{uri} cannot be read: {error}.") from error
    version = version_of(uri)
    return Source(uri, found.archive, crawl, domain, version.size, None, version.etag)


def _is_text(name: str) -> bool:
    """Whether a name is one in UTF-8: of a file it may be any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
