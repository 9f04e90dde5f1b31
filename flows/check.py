"""The audit: every file is what its row says, the books balance, and every record has one fate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from storage.catalog import Catalog
from storage.errors import ShardFailed, UserError
from storage.files import exists, sha256_of
from storage.lake import Lake
from storage.shards import Output, count_rows
from storage.views import sql_text

Row = Mapping[str, Any]

_FATES = ("kept", "dropped", "skipped", "unreadable")
_MOST = 1000
"""Problems of one kind that are listed: past that the list helps nobody."""

_AUDITS = (
    *("books_balance", "books_differ", "two_fates", "spans_overlap"),
    *("survivor_not_kept", "duplicate_not_a_page"),
)
"""Statements in `storage/sql/check` that find what is wrong with what is in force."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it should be: what kind, of what, and how."""

    kind: str
    subject: str
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON and tables."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit looked at and found."""

    archives: int
    steps: int
    files: int
    bytes: int
    deep: bool
    problems: tuple[Problem, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def summary(self) -> str:
        """One sentence."""
        how = "digests compared" if self.deep else "digests not compared"
        looked = f"{self.archives:,} archives, {self.steps:,} steps, {self.files:,} files, {how}"
        found = len(self.problems)
        return f"{looked}: {found:,} problems" if found else f"{looked}: everything is accounted for"


def check(lake: Lake, deep: bool = True) -> Report:
    """Audit a lake.

    Every file that a committed row lists is there with its number of rows (`deep`: its digest too), every
    archive's row adds up, and what finished runs list is there. Of what is in force, pages agree with the
    rows of their archives, no record has two fates, and every duplicate's survivor is kept.
    """
    lake.check_exists()
    archives, steps = lake.rows("archives"), lake.rows("steps")
    outputs = [Output.from_dict(output) for row in (*archives, *steps) for output in row["outputs"]]
    problems = [
        *(problem for output in outputs for problem in file_problems(lake, output, deep)),
        *(problem for row in archives for problem in _row_problems(row)),
        *_missing(lake.rows("runs"), archives, steps, lake.rows("trainings")),
    ]
    if not any(problem.kind == "file" for problem in problems):  # the views cannot be read past a missing file
        problems.extend(_view_problems(Catalog(lake)))
    size = sum(output.bytes for output in outputs)
    return Report(len(archives), len(steps), len(outputs), size, deep, tuple(problems))


def file_problems(lake: Lake, output: Output, deep: bool) -> Iterator[Problem]:
    """What is wrong with one file that a committed row lists."""
    uri = lake.absolute(output.path)
    if not exists(uri):
        yield Problem("file", output.path, "is not there")
        return
    if deep and sha256_of(uri) != output.sha256:
        yield Problem("file", output.path, "is not what was written: its digest differs")
        return
    try:
        rows = count_rows(uri) if output.path.endswith(".parquet") else output.rows
    except (ShardFailed, UserError) as error:
        yield Problem("file", output.path, str(error))
        return
    if rows != output.rows:
        yield Problem("file", output.path, f"has {rows:,} rows, its row in the lake says {output.rows:,}")


def _row_problems(row: Row) -> Iterator[Problem]:
    subject = f"{row['crawl']}/{row['archive']} ({row['fingerprint']})"
    for total, unit in (("records", "records"), ("stream_bytes", "bytes")):
        parts = sum(row[f"{fate}_{unit}"] for fate in _FATES)
        if parts != row[total]:
            yield Problem("books", subject, f"{total} is {row[total]:,}, its parts add up to {parts:,}")
    rows = {table: _rows_of(row["outputs"], table) for table in ("pages", "documents")}
    expected = {"pages": row["records"] - row["skipped_records"], "documents": row["kept_records"]}
    for table, written in rows.items():
        if written is not None and written != expected[table]:
            yield Problem("books", subject, f"{written:,} rows of {table}, expected {expected[table]:,}")


def _rows_of(outputs: Iterable[Mapping[str, Any]], table: str) -> int | None:
    found = [output["rows"] for output in outputs if output["table"] == table]
    return sum(found) if found else None


def _missing(
    runs: Iterable[Row], archives: Iterable[Row], steps: Iterable[Row], trainings: Iterable[Row]
) -> Iterator[Problem]:
    committed = {("annotate", f"{row['crawl']}/{row['archive']}", row["fingerprint"]) for row in archives}
    committed |= {(row["step"], row["key"], row["fingerprint"]) for row in steps}
    committed |= {("train", row["name"], row["training_id"]) for row in trainings}
    for run in runs:
        for step in run["steps"] if run["state"] == "finished" else ():
            if (step["step"], step["key"], step["fingerprint"]) not in committed:
                yield Problem("missing", f"{step['step']} {step['key']}", f"run {run['run_id']} lists it")


def _view_problems(catalog: Catalog) -> Iterator[Problem]:
    with catalog.session():
        for audit in _AUDITS:
            for row in catalog.query(sql_text(f"check/{audit}")).slice(0, _MOST).to_pylist():
                yield Problem(audit, row["subject"], row["detail"])
