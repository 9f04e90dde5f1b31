"""What is known of an archive before it is read: where it lies, what it is called, which of its records are wanted."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import TypeVar

from storage.redaction import redacted
from storage.uris import is_local, local_path, whole_uri

_T = TypeVar("_T")


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
