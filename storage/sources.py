"""What there is to read: files, directories, globs, URLs and Common Crawl snapshots.

`domain=path` declares what a source holds (`books=texts/*.jsonl.zst`). `CC-MAIN-2026-05` is a whole snapshot,
`CC-MAIN-2026-05#3` its fourth archive: they are counted from 0, in the order of the snapshot's own list.
"""

from __future__ import annotations

import glob
import gzip
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import fsspec

from storage.errors import ShardFailed, UserError
from storage.files import is_local, list_files, local_path, open_read, sha256_of
from storage.remote import patiently, read_errors

COMMON_CRAWL = "https://data.commoncrawl.org/"
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
_SNAPSHOT = re.compile(r"(CC-MAIN-\d{4}-\d{2,4})(?:#(\d+))?")


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
    """

    uri: str
    archive: str
    crawl: str
    domain: str
    size: int
    sha256: str | None
    etag: str | None = None


def expand_inputs(inputs: Sequence[str], crawl: str | None = None, base_url: str = COMMON_CRAWL) -> list[Source]:
    """Every archive behind the given inputs, each once, in the order of (crawl, archive).

    Args:
        inputs: As on the command line; see the head of this file.
        crawl: Name of the crawl; by default the snapshot's, or "local".
        base_url: Where snapshots are read from, for example a mirror.

    Raises:
        UserError: An input is not there, or has no archive in it.
        Transient: A store stayed busy.
    """
    found = [source for given in inputs for source in _expand(given, crawl, base_url)]
    return name_apart(found)


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


def _expand(given: str, crawl: str | None, base_url: str) -> list[Source]:
    domain, where = _declared(given)
    if snapshot := _SNAPSHOT.fullmatch(where):
        return _snapshot(snapshot[1], snapshot[2], crawl, domain, base_url)
    found = _local(where) if is_local(where) else _remote(where)
    return [_source(uri, archive, crawl or LOCAL_CRAWL, domain) for uri, archive in found]


def _declared(given: str) -> tuple[str, str]:
    """Domain and place; a file whose own name looks like `domain=path` is that file."""
    match = _DECLARED.fullmatch(given)
    if match is None or (is_local(given) and local_path(given).exists()):
        return WEB, given
    return match[1], match[2]


def _snapshot(name: str, number: str | None, crawl: str | None, domain: str, base_url: str) -> list[Source]:
    base = base_url if base_url.endswith("/") else f"{base_url}/"
    paths = patiently(lambda: _snapshot_paths(name, f"{base}crawl-data/{name}/warc.paths.gz"))
    if number is not None and int(number) >= len(paths):
        raise UserError(f"{name} has {len(paths):,} archives; there is no #{number}.", "They are counted from 0.")
    chosen = paths if number is None else [paths[int(number)]]
    start = f"crawl-data/{name}/"
    return [Source(base + path, path.removeprefix(start), crawl or name, domain, 0, None) for path in chosen]


def _snapshot_paths(name: str, uri: str) -> list[str]:
    try:
        with open_read(uri) as stream:
            paths = gzip.decompress(stream.read()).decode().split()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UserError(f"{uri} is not a list of archives: {error}.", "Check the base URL.") from error
    except UserError as error:
        raise UserError(
            f"There is no snapshot {name} at {uri}.", "https://index.commoncrawl.org lists them."
        ) from error
    if not paths:
        raise UserError(f"The snapshot {name} lists no archives at {uri}.")
    return paths


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
    return patiently(lambda: _remote_once(uri))


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


def _source(uri: str, archive: str, crawl: str, domain: str) -> Source:
    if is_local(uri):
        try:
            return Source(uri, archive, crawl, domain, local_path(uri).stat().st_size, sha256_of(uri))
        except (OSError, ShardFailed) as error:
            raise UserError(f"{uri} cannot be read: {error}.") from error
    size, etag = patiently(lambda: _size_and_etag(uri))
    return Source(uri, archive, crawl, domain, size, None, etag)


def _size_and_etag(uri: str) -> tuple[int, str | None]:
    with read_errors(uri):
        filesystem, path = fsspec.url_to_fs(uri)
        info = filesystem.info(path)
    return int(info.get("size") or 0), info.get("ETag")


def _colliding(sources: Sequence[Source]) -> set[tuple[str, str]]:
    seen: dict[tuple[str, str], int] = defaultdict(int)
    for source in sources:
        seen[source.crawl, source.archive] += 1
    return {name for name, count in seen.items() if count > 1}


def _place(source: Source) -> str:
    return str(local_path(source.uri).resolve()) if is_local(source.uri) else source.uri


def _lengthened(source: Source) -> Source:
    parts = _place(source).strip("/").split("/")
    depth = source.archive.count("/") + 2
    return replace(source, archive="/".join(parts[-depth:]))
