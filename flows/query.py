"""What the reading commands answer: rows from the lake's views, and how they are printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from flows.check import Report, check
from flows.progress import tell
from flows.tables import print_table, table_of, to_json
from flows.why import explain, print_explanation
from storage.catalog import Catalog
from storage.errors import UserError
from storage.lake import Lake
from storage.views import VIEWS

_SHOWN = {
    "funnel": ("stage", "pages_in", "dropped", "pages_out", "kept_frac", "of_all_frac", "dropped_bytes"),
    "mixture": (
        *("corpus", "domain", "asked_frac", "given_frac", "given_tokens", "available_tokens", "epochs"),
        *("unique_documents", "documents", "held_out_documents", "reason"),
    ),
    "alarms": ("recipe", "rule", "knob", "alarm", "pages", "drop_frac", "expected_low_frac", "expected_high_frac"),
    "cost": ("step", "stage", "rows", "cpu_seconds", "wall_seconds", "rows_per_cpu_second", "step_frac"),
}
"""Columns of a view that fit a terminal and answer its question; JSON has them all."""


def shown_columns(name: str) -> list[str]:
    """The columns of a view that answer its question."""
    return list(_SHOWN[name])


_BOOKS = ("kept", "dropped", "duplicate", "skipped", "unreadable")


def sql(lake: Lake, statement: str, params: Sequence[Any] = (), allow_files: bool = False) -> pa.Table:
    """Rows of one SELECT over the views; reads the lake and, unless files are allowed, nothing else."""
    return Catalog(lake).query(statement, params, allow_files)


def view(lake: Lake, name: str) -> pa.Table:
    """All rows of a view."""
    if name not in VIEWS:
        raise UserError(f"There is no view {name!r}.", f"One of {', '.join(VIEWS)}.")
    return Catalog(lake).query(f"FROM {name}")


def print_view(lake: Lake, name: str, as_json: bool) -> None:
    """Print a view: as JSON whole, else the columns that fit a terminal."""
    rows = view(lake, name)
    if as_json:
        print_table(rows, "json")
    elif name == "books":
        _print_books(rows)
    else:
        print_table(rows.select(list(_SHOWN.get(name, rows.column_names))), title=name)
    if not rows.num_rows or (name == "funnel" and not rows["pages_in"][0].as_py()):
        _tell_if_empty(lake)


def print_sql(lake: Lake, statement: str, format: str, allow_files: bool = False) -> None:
    """Print the rows of a statement as table, csv, json or parquet."""
    print_table(sql(lake, statement, allow_files=allow_files), format)


def print_why(lake: Lake, page: str, as_json: bool) -> None:
    """Print the fate of every capture of a page, and what decided it."""
    found = explain(lake, page)
    if as_json:
        print(to_json(found))
        return
    for explanation in found:
        print_explanation(explanation)


def print_check(lake: Lake, deep: bool, as_json: bool) -> bool:
    """Print what an audit found; true when nothing is wrong."""
    report = check(lake, deep)
    if as_json:
        print(to_json(report.to_dict()))
    else:
        _print_report(report)
    if not report.archives:
        _tell_if_empty(lake)
    return not report.problems


def _tell_if_empty(lake: Lake) -> None:
    """That there is nothing to be seen, and why: a directory that is not the one that was meant looks the same."""
    if not lake.files_of("runs"):
        tell(f"{lake.root} holds no run: is it the lake that was meant? --lake or WINNOW_LAKE name one.")


def _print_books(rows: pa.Table) -> None:
    """Records, then bytes: two narrow tables are read more easily than one wide one."""
    for unit, total in (("records", "records"), ("bytes", "stream_bytes")):
        columns = {total: "in", **{f"{fate}_{unit}": fate for fate in _BOOKS}, f"balance_{unit}": "balance"}
        names = ["crawl", "archive", *columns]
        print_table(rows.select(names).rename_columns(["crawl", "archive", *columns.values()]), title=unit)
    archives: list[dict[str, Any]] = rows.to_pylist()
    lost = any(row["balance_records"] or row["balance_bytes"] for row in archives)
    records, size = sum(row["records"] for row in archives), sum(row["stream_bytes"] for row in archives)
    verdict = "the books do not balance" if lost else "all accounted for"
    print(f"{len(archives):,} archives, {records:,} records, {size:,} bytes: {verdict}")


def _print_report(report: Report) -> None:
    if report.problems:
        rows = [problem.to_dict() for problem in report.problems]
        print_table(table_of(rows, ("kind", "subject", "detail")), title="problems")
    print(report.summary())
