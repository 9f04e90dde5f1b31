"""The lake as the report reads it: rows of a query, and the recipe of the newest run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property
from types import TracebackType
from typing import Any

from storage.catalog import Catalog
from storage.lake import Lake

Row = dict[str, Any]

NEWEST_RUN = "SELECT recipe FROM runs WHERE flow = 'corpus' ORDER BY started_at DESC, run_id LIMIT 1"


class Source:
    """Reads one lake through its views; in a `with` block all of it as it is when the block begins."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self._catalog = Catalog(lake)
        self._session = ExitStack()

    def __enter__(self) -> Source:
        self._session.enter_context(self._catalog.session())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

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
