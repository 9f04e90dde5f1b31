"""Options that many commands share, so that each means the same everywhere."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from flows.settings import settings

LakeOption = Annotated[str, typer.Option("--lake", help="Directory or URL prefix of the lake.", envvar="WINNOW_LAKE")]
WorkersOption = Annotated[int, typer.Option("--workers", min=1, help="Processes.")]
SetOption = Annotated[list[str], typer.Option("--set", help="section.key=value, a change to the recipe; repeatable.")]
WaitOption = Annotated[
    float, typer.Option("--wait", min=0, metavar="SECONDS", help="Wait so long for another run that writes the lake.")
]
AllowPrivateOption = Annotated[
    bool,
    typer.Option("--allow-private", help="Read from private addresses where a redirect, a list or a name leads there."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Rows as JSON instead of a table.")]
RecipeArgument = Annotated[str, typer.Argument(help="A shipped recipe (see `winnow recipe`) or a .toml file.")]
RunOption = Annotated[
    str | None,
    typer.Option(
        "--run", help="Corpus run of the lake: its id, or its recipe's name for the newest of that; `latest`: of all."
    ),
]
RecipeOption = Annotated[
    str | None, typer.Option("--recipe", help="Recipe whose sections to use; by default the one that made the corpus.")
]
IndexOption = Annotated[
    bool,
    typer.Option("--index", help="Of CC-MAIN-... snapshots only the records that the recipe's index section wants."),
]
WhereOption = Annotated[
    str | None,
    typer.Option(help="--index with a condition of your own on the index's columns: \"url_host_tld = 'de'\"."),
]
BaseUrlOption = Annotated[
    str | None,
    typer.Option(help="Where CC-MAIN-... snapshots are read from: a mirror, a bucket, a directory."),
]

DEFAULT_LAKE = settings().lake
DEFAULT_WORKERS = settings().workers


def index_changes(index: bool, where: str | None) -> list[str]:
    """`--index` and `--where` as the changes to the recipe that they stand for."""
    changes = ["index.enabled=true"] if index or where else []
    return [*changes, f"index.where={json.dumps(where, ensure_ascii=False)}"] if where else changes
