"""What there is to read: files, directories, globs, URLs and Common Crawl snapshots.

`domain=path` declares what a source holds (`books=texts/*.jsonl.zst`). `CC-MAIN-2026-05` is a whole snapshot,
`CC-MAIN-2026-05#3` its fourth archive: they are counted from 0, in the order of the snapshot's own list. A file
that ends in `.paths` or `.paths.gz` lists archives, one a line.
"""

from __future__ import annotations

import glob
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeVar
from urllib.parse import quote, urlsplit

import fsspec

from storage.errors import ShardFailed, UserError
from storage.files import list_files, sha256_of
from storage.lists import beside, is_list, list_page, read_list, snapshot_of
from storage.patience import patiently
from storage.redaction import redacted
from storage.remote import read_errors, version_of
from storage.snapshots import Store, looks_like_snapshot, parse_snapshot
from storage.uris import is_local, local_path, whole_uri
from storage.web import is_web

_T = TypeVar("_T")

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


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The records that were chosen of an archive, where not all of it is to be read.

    Attributes:
        plan: Parquet file with their places, relative to the lake.
        digest: Of the places: the same ones give the same digest.
        records: How many.
        bytes: Sum of their lengths.
        fetched_bytes: The same with the gaps between them that are read over when they come from a store.
    """

    plan: str
    digest: str
    records: int
    bytes: int
    fetched_bytes: int


@dataclass(frozen=True, slots=True)
class Source:
    """One archive to read.

    Attributes:
        uri: Path or URL.
        archive: Its name, unique within its crawl: the path below what was given, longer where names collide.
        crawl: The crawl or source it belongs to.
        domain: What it holds, for mixing.
        size: Bytes; 0 where nobody says (a snapshot's list does not).
        sha256: Digest of a local file, hexadecimal; None for a remote one.
        etag: A store's own mark of the version; None without one.
        path: Where a snapshot's archive lies below the base URL, whichever mirror it is read from; else None.
        excerpt: What to read of it; None for all of it.
    """

    uri: str
    archive: str
    crawl: str
    domain: str
    size: int
    sha256: str | None
    etag: str | None = None
    path: str | None = None
    excerpt: Excerpt | None = None

    @property
    def kept_uri(self) -> str:
        """As a lake keeps it: a whole path, to be read again from anywhere; a URL without its secrets, which are not
        for the lake's readers."""
        return redacted(whole_uri(self.uri))

    def to_json(self) -> str:
        """As `archives.source` keeps it."""
        return json.dumps(asdict(self) | {"uri": self.kept_uri}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Source:
        """The inverse of `to_json`."""
        values = json.loads(text)
        excerpt = values.pop("excerpt")
        return cls(**values, excerpt=Excerpt(**excerpt) if excerpt else None)

    @property
    def content(self) -> object:
        """What tells its content from any other: it goes into the fingerprint of what is made of it."""
        whole = self.sha256 or (self.path or redacted(self.uri), self.etag, self.size)  # a signature is new each day
        return (whole, self.excerpt.digest) if self.excerpt else whole


@dataclass(frozen=True, slots=True)
class Sample:
    """So many archives of each input, drawn by name: a larger count with the same seed only adds to them."""

    count: int
    seed: int = 0

    def of(self, found: Sequence[_T], name: Callable[[_T], str]) -> list[_T]:
        """As many of them as asked for, in the order given; all where there are fewer."""
        ranks = sorted(range(len(found)), key=lambda at: sha256(f"{self.seed}/{name(found[at])}".encode()).digest())
        return [found[at] for at in sorted(ranks[: self.count])]


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


def name_apart(sources: Iterable[Source]) -> list[Source]:
    """The sources, each file once, with names unique within their crawl, in the order of (crawl, archive).

    Where two share a name, both are lengthened by the directories above them until they differ.
    """
    places: dict[str, Source] = {}
    for source in sources:
        places.setdefault(_place(source), source)
    named = list(places.values())
    while colliding := _colliding(named):
        named = [_lengthened(source) if (source.crawl, source.archive) in colliding else source for source in named]
    return sorted(named, key=lambda source: (source.crawl, source.archive))


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
    if is_web(uri) and not urlsplit(uri).hostname:
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


def _colliding(sources: Sequence[Source]) -> set[tuple[str, str]]:
    seen: dict[tuple[str, str], int] = defaultdict(int)
    for source in sources:
        seen[source.crawl, source.archive] += 1
    return {name for name, count in seen.items() if count > 1}


def _place(source: Source) -> str:
    return str(local_path(source.uri).resolve()) if is_local(source.uri) else source.uri


def _lengthened(source: Source) -> Source:
    parts = redacted(_place(source)).partition("?")[0].strip("/").split("/")
    depth = source.archive.count("/") + 2
    return replace(source, archive="/".join(parts[-depth:]))
