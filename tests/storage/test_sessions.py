"""Questions of one session are answered by one connection: the lake as it was when it began, and nothing else."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest

from storage.catalog import Catalog
from storage.errors import UserError
from storage.lake import Lake
from tests.lakes import PageSpec, add_archive, add_example

COUNT = "SELECT count(*)::BIGINT AS n FROM archives"


def count(catalog: Catalog) -> int:
    (row,) = catalog.query(COUNT).to_pylist()
    return int(row["n"])


def test_it_asks_of_the_lake_as_it_began_and_of_nothing_else(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    add_example(lake)
    catalog = Catalog(lake)
    with catalog.session():
        assert count(catalog) == 2
        add_archive(lake, "c", [PageSpec("nine")])
        assert count(catalog) == 2 and count(Catalog(lake)) == 3
        for statement in ("FROM read_text('/etc/passwd')", "SET lock_configuration = false", "DROP VIEW archives", "?"):
            with pytest.raises(UserError):
                catalog.query(statement)
        assert catalog.query("SELECT 1 AS n FROM glob('/etc/passwd')", allow_files=True).to_pylist() == [{"n": 1}]
        assert count(catalog) == 2
    assert count(catalog) == 3


def test_where_views_are_made_for_each_statement_it_answers_too() -> None:
    lake = Lake("memory://sessions/lake")
    add_example(lake)
    catalog = Catalog(lake)
    with catalog.session():
        assert count(catalog) == 2
    fsspec.filesystem("memory").store.clear()


def test_of_no_lake_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no lake at"), Catalog(Lake(str(tmp_path / "none"))).session():
        pass
