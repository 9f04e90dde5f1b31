"""Statements that register a lake's Parquet files, as they lie, as tables of a DuckLake catalogue.

Source: ducklake.select/docs (ducklake_add_data_files, ducklake_list_files).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from storage.lake import Lake
from storage.selection import Selection
from storage.statements import quoted

NAME = "exported"
"""What the catalogue is called while it is attached."""

TABLES = ("pages", "documents", "pii", "contamination", "costs", "duplicates", "spans", "corpus", "mixture")
_SCANNERS = {"sqlite": "sqlite_scanner", "postgres": "postgres_scanner"}


def extensions_for(target: str) -> list[str]:
    """Extensions a catalogue needs: `meta.ducklake` (DuckDB), `sqlite:meta.sqlite` or `postgres:dbname=...`."""
    kind = target.partition(":")[0]
    return ["ducklake", *([_SCANNERS[kind]] if kind in _SCANNERS else [])]


def packaged(extension: str, version: str, platform: str) -> str | None:
    """The extension's file where a Python package has brought it for this DuckDB; else None.

    There are two kinds: duckdb-extension-NAME, a package for one machine, and duckdb-ext-NAME, which all lie in one.
    """
    kinds = ((f"duckdb_extension_{extension}", version), ("duckdb_ext", f"{version}/{platform}"))
    for package, below in kinds:
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            path = Path(folder) / "extensions" / below / f"{extension}.duckdb_extension"
            if path.is_file():
                return str(path)
    return None


def files_in_force(lake: Lake, selection: Selection) -> dict[str, list[str]]:
    """The Parquet files with rows of every table, absolute; DuckLake takes no empty ones."""
    found = {}
    for table in TABLES:
        outputs = [*selection.archive_outputs(table), *(o for step in selection.steps for o in step.outputs(table))]
        if listed := [lake.absolute(output["path"]) for output in outputs if output["rows"]]:
            found[table] = listed
    return found


def attach(target: str, lake: Lake) -> str:
    """Open the catalogue, made where it is not there; what teams write into it goes beside the lake's tables."""
    return f"ATTACH {quoted(f'ducklake:{target}')} AS {NAME} (DATA_PATH {quoted(lake.absolute('ducklake') + '/')})"


def registration(table: str, files: Sequence[str], rows: str) -> Iterator[str]:
    """Make a table where there is none and register files in it; `rows` is a query with its columns."""
    yield f"CREATE TABLE IF NOT EXISTS {NAME}.{table} AS FROM {rows} LIMIT 0"
    for path in files:
        options = "allow_missing => true, ignore_extra_columns => true, hive_partitioning => false"
        yield f"CALL ducklake_add_data_files({quoted(NAME)}, {quoted(table)}, {quoted(path)}, {options})"
