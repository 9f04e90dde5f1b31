"""Export to DuckLake: files registered where they lie, once; and one sentence where the extension is not to be had."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from storage import ducklake
from storage.catalog import Catalog
from storage.database import load_extension
from storage.errors import UserError
from storage.lake import Lake
from tests.lakes import PageSpec, add_archive, add_example, add_run


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    add_example(lake)
    return lake


def test_an_extension_that_is_not_to_be_had_is_one_sentence(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ducklake, "extensions_for", lambda target: ["no_such_lake"])
    with pytest.raises(UserError, match="has no extension no_such_lake here and could not fetch it"):
        Catalog(lake).export_ducklake(str(tmp_path / "meta.ducklake"))


def test_a_catalogue_says_by_its_name_what_it_needs() -> None:
    assert ducklake.extensions_for("meta.ducklake") == ["ducklake"]
    assert ducklake.extensions_for("sqlite:meta.sqlite") == ["ducklake", "sqlite_scanner"]
    assert ducklake.extensions_for("postgres:dbname=lakes") == ["ducklake", "postgres_scanner"]


@pytest.mark.parametrize(
    ("package", "below"), [("duckdb_extension_lakes", "v9.9.9"), ("duckdb_ext", "v9.9.9/linux_amd64")]
)
def test_an_extension_that_a_package_brought_is_found_for_its_duckdb_alone(
    package: str, below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / package / "extensions" / below / "lakes.duckdb_extension"
    path.parent.mkdir(parents=True)
    path.touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert ducklake.packaged("lakes", "v9.9.9", "linux_amd64") == str(path)
    assert ducklake.packaged("lakes", "v9.9.8", "linux_amd64") is None
    assert ducklake.packaged("other", "v9.9.9", "linux_amd64") is None


def test_files_are_registered_once_and_read_where_they_lie(lake: Lake, tmp_path: Path) -> None:
    target = str(tmp_path / "meta.ducklake")
    try:
        added = Catalog(lake).export_ducklake(target)
    except UserError as error:
        pytest.skip(f"DuckLake's extension is not here: {error}")
    assert added == {"pages": 2, "costs": 2, "duplicates": 1, "mixture": 1}
    assert set(Catalog(lake).export_ducklake(target).values()) == {0}
    add_archive(lake, "c.warc.gz", [PageSpec("nine")])
    assert Catalog(lake).export_ducklake(target)["pages"] == 1
    with closing(duckdb.connect()) as reader:
        load_extension(reader, "ducklake")
        reader.execute(f"ATTACH 'ducklake:{target}' AS lake (READ_ONLY)")
        assert reader.execute("SELECT count(*) FROM lake.pages").fetchall() == [(9,)]
        listed = reader.execute("SELECT data_file FROM ducklake_list_files('lake', 'pages')").fetchall()
    assert all(path.startswith(lake.root) for (path,) in listed)


def test_what_is_no_longer_in_force_is_not_taken_out_of_a_catalogue(lake: Lake, tmp_path: Path) -> None:
    target = str(tmp_path / "meta.ducklake")
    try:
        Catalog(lake).export_ducklake(target)
    except UserError as error:
        pytest.skip(f"DuckLake's extension is not here: {error}")
    add_archive(lake, "a.warc.gz", [PageSpec("other")], fingerprint="b" * 16)
    add_run(lake, "r2", [("annotate", "c1/a.warc.gz", "b" * 16)], age_hours=-1)
    with pytest.raises(UserError, match="no longer in force"):
        Catalog(lake).export_ducklake(target)
