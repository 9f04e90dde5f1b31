"""What is to stay forgotten: digests of pages, addresses and hosts that no archive brings back.

A tombstone names nothing: it holds the sha256 of what was asked for. Whoever knows an address can ask whether it is
among them; nobody can read it there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import pyarrow as pa

from storage.lake import Lake
from storage.schema import FORGOTTEN
from storage.shards import write_table

Kind = Literal["doc", "url", "host"]

FOLDER = "forgotten"


@dataclass(frozen=True)
class Tombstones:
    """Digests of everything forgotten in a lake."""

    digests: frozenset[str]

    def hold(self, doc_id: str | None, url: str | None, host: str | None) -> bool:
        """Whether that page, its address, its host or a host above it was forgotten."""
        if not self.digests:
            return False
        named: list[tuple[Kind, str | None]] = [("doc", doc_id), ("url", url)]
        named += [("host", name) for name in hosts_above(host)]
        return any(name is not None and digest_of(kind, name) in self.digests for kind, name in named)


def hosts_above(host: str | None) -> list[str]:
    """A host and every host it is under: `a.b.org` is under `b.org` and `org`."""
    labels = (host or "").rstrip(".").lower().split(".") if host else []
    return [".".join(labels[place:]) for place in range(len(labels))]


def digest_of(kind: Kind, name: str) -> str:
    """What stands in a tombstone for a page, an address or a host."""
    return hashlib.sha256(f"{kind}:{name}".encode("utf-8", "surrogatepass")).hexdigest()


def read_tombstones(lake: Lake) -> Tombstones:
    """Everything forgotten so far."""
    return Tombstones(frozenset(row["digest"] for row in lake.rows(FOLDER)))


def write_tombstones(lake: Lake, names: Iterable[tuple[Kind, str]]) -> str | None:
    """Keep these forgotten from now on; the file's path, None where all are forgotten already."""
    digests = sorted({(kind, digest_of(kind, name)) for kind, name in names})
    if {digest for _, digest in digests} <= read_tombstones(lake).digests:
        return None
    mark = hashlib.sha256("".join(digest for _, digest in digests).encode()).hexdigest()[:16]
    now = datetime.now(UTC)
    rows = [{"kind": kind, "digest": digest, "requested_at": now} for kind, digest in digests]
    path = f"{FOLDER}/{mark}.parquet"
    write_table(lake.root, path, FOLDER, pa.Table.from_pylist(rows, FORGOTTEN))
    return path
