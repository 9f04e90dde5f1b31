"""Where everything of a lake lies: paths that carry a step's fingerprint, and the rows that commit a step."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from pathlib import PurePath
from typing import Any

import pyarrow as pa
from pydantic import BaseModel

from storage import files
from storage.errors import UserError
from storage.shards import read_table
from storage.unfinished import writer_tag
from storage.uris import is_local, join, local_path

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
_LONGEST_NAME = 160
"""Bytes of a file name an archive's name may take: of the 255 there are, fingerprint and suffix need some."""


@dataclasses.dataclass(frozen=True, slots=True)
class Lake:
    """A lake: one directory or bucket prefix. All paths it gives are relative to `root`.

    A path with a fingerprint is written once and never changed; what no committed row lists does not exist.
    """

    root: str

    def absolute(self, path: str) -> str:
        """The path or URL of a file of the lake."""
        return join(self.root, path)

    def pages_path(self, crawl: str, archive: str, fingerprint: str) -> str:
        """Verdicts and signals of one archive's pages."""
        return _archive_file("pages", crawl, archive, fingerprint)

    def documents_path(self, crawl: str, archive: str, fingerprint: str) -> str:
        """Texts of one archive's survivors."""
        return _archive_file("documents", crawl, archive, fingerprint)

    def bands_path(self, crawl: str, archive: str, fingerprint: str) -> str:
        """Band keys of one archive's survivors."""
        return _archive_file("bands", crawl, archive, fingerprint)

    def pii_path(self, crawl: str, archive: str, fingerprint: str) -> str:
        """Replacements in one archive's survivors."""
        return _archive_file("pii", crawl, archive, fingerprint)

    def contamination_path(self, crawl: str, archive: str, fingerprint: str) -> str:
        """Stretches of benchmarks in one archive's pages."""
        return _archive_file("contamination", crawl, archive, fingerprint)

    def benchmarks_path(self, crawl: str, archive: str, fingerprint: str) -> str:
        """The benchmarks that were looked for in one archive's pages."""
        return _archive_file("benchmarks", crawl, archive, fingerprint)

    def archive_row_path(self, crawl: str, archive: str, fingerprint: str) -> str:
        """The row that commits an archive."""
        return _archive_file("archives", crawl, archive, fingerprint)

    def costs_path(self, step: str, key: str, fingerprint: str) -> str:
        """What one step cost."""
        return f"costs/{safe_name(step)}/{safe_name(key)}.{fingerprint}.parquet"

    def duplicates_path(self, crawl: str, fingerprint: str) -> str:
        """Duplicates of one crawl."""
        return f"duplicates/crawl={safe_name(crawl)}/{fingerprint}.parquet"

    def spans_path(self, crawl: str, fingerprint: str) -> str:
        """Repeated stretches of one crawl's texts."""
        return f"spans/crawl={safe_name(crawl)}/{fingerprint}.parquet"

    def corpus_dir(self, name: str, fingerprint: str) -> str:
        """Directory of a mixed corpus: its shards and mixture.parquet."""
        return f"corpus/{safe_name(name)}/{fingerprint}"

    def tokens_dir(self, name: str, fingerprint: str) -> str:
        """Directory of packed sequences."""
        return f"tokens/{safe_name(name)}/{fingerprint}"

    def step_path(self, step: str, key: str, fingerprint: str) -> str:
        """The row that commits a whole-corpus step."""
        return f"steps/{safe_name(step)}/{safe_name(key)}.{fingerprint}.parquet"

    def selection_path(self, crawl: str, fingerprint: str) -> str:
        """Places of the records chosen from a snapshot's index."""
        return f"selections/crawl={safe_name(crawl)}/{fingerprint}.parquet"

    def index_path(self, crawl: str, part: str, fingerprint: str) -> str:
        """What one file of a snapshot's index has of what is wanted."""
        return f"index/crawl={safe_name(crawl)}/{safe_name(part)}.{fingerprint}.parquet"

    def run_path(self, run_id: str) -> str:
        """The row of one run."""
        return f"runs/{safe_name(run_id)}.parquet"

    def training_path(self, training_id: str) -> str:
        """The row of one training."""
        return f"trainings/{safe_name(training_id)}.parquet"

    def evaluation_path(self, evaluation_id: str) -> str:
        """The rows of one evaluation."""
        return f"evaluations/{safe_name(evaluation_id)}.parquet"

    def report_path(self) -> str:
        """The page that shows the lake."""
        return "report.html"

    def archive_row(self, crawl: str, archive: str, fingerprint: str) -> dict[str, Any] | None:
        """The committed row of an archive; None when the step is not complete."""
        path = self.absolute(self.archive_row_path(crawl, archive, fingerprint))
        return read_table(path).to_pylist()[0] if files.exists(path) else None

    def archive_rows(self) -> list[dict[str, Any]]:
        """Every committed row, of every recipe, sorted by its path."""
        return self.rows("archives")

    def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows of one of the small tables (archives, runs, trainings, evaluations), sorted by path."""
        return [row for uri in self.files_of(table) for row in read_table(uri).to_pylist()]

    def files_of(self, table: str) -> list[str]:
        """Finished Parquet files of a table, absolute, sorted; of big ones read what committed rows list."""
        return files.list_files(self.absolute(table), ".parquet")

    def check_writable(self) -> None:
        """Write a few bytes and take them away again.

        Raises:
            UserError: The lake cannot be written to.
            Fatal: The disk is full.
        """
        self._check_root()
        probe = self.absolute(f"write-test-{writer_tag()}")
        files.write_bytes(probe, b"winnow\n")
        files.remove(probe)

    def check_exists(self) -> None:
        """Raises UserError when there is no lake here yet."""
        if is_local(self.root) and not local_path(self.root).is_dir():
            self._check_root()
            raise UserError(
                f"There is no lake at {self.root}.", "Name one with --lake, or make it with `winnow corpus`."
            )

    def _check_root(self) -> None:
        if found := re.search(r"(?:^|/)([a-z][a-z0-9]+):/([^/].*)", self.root):
            raise UserError(f"{self.root} is no URL.", f"Two slashes follow the colon: {found[1]}://{found[2]}")


def safe_name(name: str) -> str:
    """A file name for any string: `/` becomes `~`, odd characters `%XX`; two names never share one."""
    raw = name.encode("utf-8", "surrogateescape")
    safe = "".join(chr(byte) if chr(byte) in _PLAIN else "~" if byte == 0x2F else f"%{byte:02X}" for byte in raw)
    safe = f"%2E{safe[1:]}" if safe.startswith(".") else safe or "%"
    if len(safe) <= _LONGEST_NAME:
        return safe
    return f"{safe[:_LONGEST_NAME]}%{hashlib.sha256(raw).hexdigest()[:16]}"


def fingerprint(*parts: Any) -> str:
    """16 hexadecimal digits that name a step: the same parts give the same name in every process.

    Takes what settings are made of: pydantic models, dataclasses, Arrow schemas (no metadata),
    mappings, sequences, sets, paths, dates, enumerations; a function counts as its name.

    Raises:
        TypeError: A part has no stable form.
    """
    canonical = json.dumps([_canonical(part) for part in parts], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _archive_file(table: str, crawl: str, archive: str, fingerprint: str) -> str:
    return f"{table}/crawl={safe_name(crawl)}/{safe_name(archive)}.{fingerprint}.parquet"


def _canonical(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, BaseModel):
        return {name: _canonical(getattr(value, name)) for name in type(value).model_fields}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: _canonical(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {"mapping": sorted([json.dumps(_canonical(k)), _canonical(v)] for k, v in value.items())}
    if isinstance(value, list | tuple | pa.Schema):
        return [_canonical(item) for item in value]
    return _canonical_leaf(value)


def _canonical_leaf(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return sorted(json.dumps(_canonical(item)) for item in value)
    if isinstance(value, pa.Field):
        return [value.name, str(value.type), value.nullable]
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, PurePath):
        return value.as_posix()
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Enum):
        return _canonical(value.value)
    if isinstance(value, pa.DataType):
        return str(value)
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}:{value.__qualname__}"
    raise TypeError(f"a {type(value).__name__} has no stable form to take a fingerprint of")
