"""The tables a run leaves in the Prefect UI: the same ones the command line prints."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from flows import query
from flows.work import publish_table
from storage.lake import Lake

ROWS = 200
"""An artifact is for reading: the lake holds the rest."""


def publish_corpus(lake: Lake) -> None:
    """Funnel, alarms, books and cost of the lake, and the mixture of its newest corpus."""
    publish_table("funnel", rows_of(query.funnel(lake)), "What each stage kept")
    publish_table("alarms", rows_of(query.view(lake, "alarms")), "Rules that remove more or less than expected")
    publish_table("books", rows_of(query.books(lake)), "Records and bytes in, and where each of them went")
    publish_table("cost", rows_of(query.cost(lake)), "What each stage cost")
    publish_table("mixture", rows_of(query.mixture(lake)), "Domains asked for and given")


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    """A table's first rows as JSON-able values."""
    return [{name: _plain(value) for name, value in row.items()} for row in table.slice(0, ROWS).to_pylist()]


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)
