"""What a run leaves in the Prefect UI: the tables the command line prints, and a link to the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from flows import query
from flows.settings import settings
from flows.work import publish_link, publish_table
from storage.lake import Lake
from storage.uris import is_local, local_path

ROWS = 200
"""An artifact is for reading: the lake holds the rest."""


TABLES = {
    "funnel": "What each stage kept",
    "alarms": "Rules that remove more or less than expected",
    "books": "Records and bytes in, and where each of them went",
    "cost": "What each stage cost",
    "mixture": "Domains asked for and given",
}


def publish_corpus(lake: Lake) -> None:
    """Funnel, alarms, books and cost of the lake, and the mixture of its newest corpus."""
    for name, description in TABLES.items():
        found = query.view(lake, name)
        if name != "books":
            found = found.select(query.shown_columns(name))
        publish_table(name, rows_of(found), description)
    publish_report_link(lake)


def publish_report_link(lake: Lake, path: str = "") -> None:
    """Where the report of the lake is: where it is served, else its file, by default the one in the lake."""
    served = settings().report_url
    path = path or lake.absolute(lake.report_path())
    link = served or (local_path(path).resolve().as_uri() if is_local(path) else path)
    how = "The lake as it is now." if served else f"`winnow report --lake {lake.root}` writes it, `--serve` serves it."
    publish_link("report", link, f"Report of {lake.root}", how)


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    """A table's first rows as JSON-able values, numbers short enough to be read."""
    rows = [plain(row) for row in table.slice(0, ROWS).to_pylist()]
    return [{k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in row.items()} for row in rows]


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON has it: what JSON has no word for is written out."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)
