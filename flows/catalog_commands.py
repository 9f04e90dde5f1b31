"""`winnow catalog export`: the lake's files in the catalogues that others use."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.options import DEFAULT_LAKE, JsonOption, LakeOption

catalog_app = typer.Typer(no_args_is_help=True, help="The lake's files in the catalogues that others use.")


@catalog_app.callback()
def catalog() -> None:
    """A group of its own, so that `export` stays a word of the command."""


@catalog_app.command()
def export(
    ducklake: Annotated[
        str,
        typer.Option(
            metavar="CATALOG",
            help="DuckLake catalogue to register them in: meta.ducklake, sqlite:meta.sqlite or postgres:dbname=...",
        ),
    ],
    lake: LakeOption = DEFAULT_LAKE,
    as_json: JsonOption = False,
) -> None:
    """Register the Parquet files in force in a DuckLake catalogue, without copying them."""
    from flows.tables import print_table, table_of
    from storage.catalog import Catalog
    from storage.lake import Lake

    added = Catalog(Lake(lake)).export_ducklake(ducklake)
    rows = [{"table": table, "files_added": count} for table, count in added.items()]
    print_table(table_of(rows, ("table", "files_added")), "json" if as_json else "table")
