"""Options that many commands share, so that each means the same everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.settings import settings

LakeOption = Annotated[str, typer.Option("--lake", help="Directory or URL prefix of the lake.", envvar="WINNOW_LAKE")]
WorkersOption = Annotated[int, typer.Option("--workers", min=1, help="Processes.")]
SetOption = Annotated[list[str], typer.Option("--set", help="section.key=value, a change to the recipe; repeatable.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Rows as JSON instead of a table.")]
RecipeArgument = Annotated[str, typer.Argument(help="A shipped recipe (see `winnow recipe`) or a .toml file.")]
RecipeOption = Annotated[str, typer.Option("--recipe", help="Recipe whose sections to use.")]

DEFAULT_LAKE = settings().lake
DEFAULT_WORKERS = settings().workers
