"""What somebody asks to forget, and everything of it in a lake: pages, shards, sequences, trainings."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from storage import files
from storage.catalog import Catalog
from storage.errors import UserError
from storage.lake import Lake
from storage.shards import column_names, iter_batches, read_table
from storage.tombstones import Kind, hosts_above
from storage.uris import is_local, local_path
from storage.views import sql_text

_SHOWN = 20
"""Places of one file that are listed one by one."""


@dataclass(frozen=True)
class Request:
    """Addresses, hosts (with every host under them) and doc_ids; `copies`: pages that are duplicates of them too."""

    hosts: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    docs: tuple[str, ...] = ()
    copies: bool = False

    def names(self) -> list[tuple[Kind, str]]:
        """What tombstones are made of."""
        hosts: list[tuple[Kind, str]] = [("host", host.lower().rstrip(".")) for host in self.hosts]
        return [*hosts, *(("url", url) for url in self.urls), *(("doc", doc) for doc in self.docs)]

    def check(self) -> None:
        """Raises UserError where it names nothing, or a host that is none."""
        if not (self.hosts or self.urls or self.docs):
            raise UserError("there is nothing to forget:", "name it with --host, --url or --doc.")
        for host in self.hosts:
            if "/" in host or "." not in host.strip(".") or " " in host:
                raise UserError(f"--host {host!r} is not a host's name,", "for example --host www.example.org.")


@dataclass(frozen=True)
class Target:
    """A page to be forgotten, under every recipe that read it."""

    doc_id: str
    crawl: str
    archive: str
    offset: int
    url: str | None
    fate: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Holding:
    """A place that holds something of a page: what kind of place, which, and what it holds."""

    kind: str
    place: str
    holds: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON and tables."""
        return asdict(self)


@dataclass(frozen=True)
class Training:
    """A training: its id, its name, the fingerprint of the token set it read, and what there is of it in words."""

    training_id: str
    name: str
    tokens: str
    state: str

    @property
    def directory(self) -> str:
        """Where its weights and checkpoints are, relative to the lake."""
        return f"checkpoints/{self.training_id}"


def find_targets(lake: Lake, request: Request) -> list[Target]:
    """Every row of the ledger that the request names, in the files of every recipe."""
    pages = lake.files_of("pages")
    if not pages:
        return []
    found = _matching(lake, pages, request)
    if request.copies and found:
        ids = _with_copies(lake, {target.doc_id for target in found})
        found = sorted({*found, *_matching(lake, pages, Request(docs=tuple(sorted(ids))))}, key=_order)
    return found


def count_copies(lake: Lake, ids: set[str]) -> int:
    """Pages that are duplicates of these, or that these are duplicates of, and are not among them."""
    return len(_with_copies(lake, ids) - ids)


def find_holdings(lake: Lake, ids: set[str]) -> list[Holding]:
    """Where pages of these doc_ids are, besides the ledger: shards, sequences, and trainings that read them."""
    found = [Holding("shard", path, holds) for path, holds in _rows_holding(lake, "corpus", "id", ids)]
    sequences = [Holding("sequences", path, holds) for path, holds in _rows_holding(lake, "tokens", "doc_ids", ids)]
    sets = {holding.place.split("/")[2] for holding in sequences}
    trainings = [
        Holding("training", training.training_id, f"{training.name}: {training.state} on {training.tokens}")
        for training in trainings_of(lake, sets)
    ]
    return [*found, *sequences, *trainings]


def trainings_of(lake: Lake, tokens: Collection[str]) -> list[Training]:
    """The trainings of these token sets (fingerprints): finished ones by their row, the others by what they left."""
    finished = [
        Training(row["training_id"], row["name"], row["tokens_fingerprint"], "weights trained")
        for row in lake.rows("trainings")
    ]
    known = {training.training_id for training in finished}
    begun = []
    for uri in files.list_files(lake.absolute("checkpoints"), "/spec.json"):
        training_id = relative(lake, uri).split("/")[1]
        if training_id not in known:
            with files.open_read(uri) as stream:
                directory = str(json.loads(stream.read())["tokens_dir"]).rstrip("/")
            begun.append(Training(training_id, "unfinished", directory.rpartition("/")[2], "checkpoints"))
    return [training for training in (*finished, *begun) if training.tokens in tokens]


def relative(lake: Lake, uri: str) -> str:
    """A file's path within its lake."""
    if is_local(lake.root):
        inside = local_path(uri).resolve().relative_to(local_path(lake.root).resolve())
        return inside.as_posix()
    return uri.removeprefix(lake.absolute("").rstrip("/")).lstrip("/")


def _matching(lake: Lake, pages: Sequence[str], request: Request) -> list[Target]:
    hosts = [host for kind, host in request.names() if kind == "host"]
    wanted = {"pages": list(pages), "hosts": hosts, "urls": list(request.urls), "docs": list(request.docs)}
    with Catalog(lake).scratch() as scratch:
        rows = scratch.query(sql_text("forget/targets"), wanted).read_all().to_pylist()
    wholly = set(hosts)
    kept = [row for row in rows if row.pop("named") or wholly.intersection(hosts_above(row["host"]))]
    for row in kept:
        row.pop("host")
    return sorted({Target(**row) for row in kept}, key=_order)


def _order(target: Target) -> tuple[str, str, int, str]:
    return target.crawl, target.archive, target.offset, target.fate


def _with_copies(lake: Lake, ids: set[str]) -> set[str]:
    """The ids, and those of every page that is a duplicate of one of them or the other way round."""
    pairs = [
        (row["doc_id"], row["survivor_id"])
        for uri in lake.files_of("duplicates")
        for row in read_table(uri, ["doc_id", "survivor_id"]).to_pylist()
    ]
    found, before = set(ids), 0
    while len(found) > before:
        before = len(found)
        found |= {name for pair in pairs if found.intersection(pair) for name in pair}
    return found


def _rows_holding(lake: Lake, table: str, column: str, ids: set[str]) -> Iterator[tuple[str, str]]:
    """Files of a table with rows of these ids, relative to the lake, and which rows."""
    wanted = pa.array(sorted(ids), pa.string())
    for uri in lake.files_of(table):
        if column not in column_names(uri):
            continue
        rows: list[int] = []
        first = 0
        for batch in iter_batches(uri, [column]):
            rows += (first + place for place in _places(batch.column(0), wanted))
            first += batch.num_rows
        if rows:
            listed = ", ".join(f"{row:,}" for row in rows[:_SHOWN])
            more = f" and {len(rows) - _SHOWN:,} more" if len(rows) > _SHOWN else ""
            yield relative(lake, uri), f"rows {listed}{more}"


def _places(column: Any, wanted: Any) -> list[int]:
    if pa.types.is_list(column.type):
        hits = pc.is_in(column.flatten(), wanted)
        return sorted(set(pc.filter(pc.list_parent_indices(column), hits).to_pylist()))
    return [place for place, hit in enumerate(pc.is_in(column, wanted).to_pylist()) if hit]
