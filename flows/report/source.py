"""The lake as the report reads it: rows of a query, and the recipe of the newest run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from storage.catalog import Catalog
from storage.lake import Lake

Row = dict[str, Any]

NEWEST_RUN = "SELECT recipe FROM runs WHERE flow = 'corpus' ORDER BY started_at DESC, run_id LIMIT 1"


class Source:
    """Reads one lake through its views."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self._catalog = Catalog(lake)

    def rows(self, sql: str) -> list[Row]:
        """Rows of one SELECT."""
        found: list[Row] = self._catalog.query(sql).to_pylist()
        return found

    def row(self, sql: str) -> Row:
        """The first row; empty where there is none."""
        found = self.rows(sql)
        return found[0] if found else {}

    @cached_property
    def recipe(self) -> Mapping[str, Any]:
        """The newest corpus run's recipe as the lake keeps it; empty where there is none."""
        found = self.row(NEWEST_RUN)
        recipe: Mapping[str, Any] = json.loads(found["recipe"]) if found else {}
        return recipe
