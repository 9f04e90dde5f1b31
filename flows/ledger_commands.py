"""The commands that question the ledger: funnels, alarms, what-if; added in `flows.cli`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from flows.options import (
    DEFAULT_LAKE,
    DEFAULT_WORKERS,
    JsonOption,
    LakeOption,
    RecipeArgument,
    SetOption,
    WorkersOption,
)


class FunnelBy(StrEnum):
    """What a funnel can be told apart by."""

    language = "language"
    crawl = "crawl"
    host = "host"


def funnel(
    by: Annotated[
        FunnelBy | None, typer.Option(help="One row a language, crawl or host, with what became of its pages.")
    ] = None,
    lake: LakeOption = DEFAULT_LAKE,
    as_json: JsonOption = False,
) -> None:
    """What each stage kept of the pages that reached it."""
    from flows import query
    from storage.lake import Lake

    query.print_view(Lake(lake), f"funnel_by_{by.value}" if by else "funnel", as_json)


def alarms(lake: LakeOption = DEFAULT_LAKE, as_json: JsonOption = False) -> None:
    """Rules that remove more or less than published recipes or earlier runs let expect, and the knob of each."""
    from flows import query
    from storage.lake import Lake

    query.print_view(Lake(lake), "alarms", as_json)


def what_if(
    recipe: RecipeArgument,
    changes: SetOption = [],  # noqa: B006  typer reads the default, nobody changes it
    lake: LakeOption = DEFAULT_LAKE,
    apply: Annotated[
        bool, typer.Option("--apply", help="Make the corpus too: only pages let in are read again, by byte range.")
    ] = False,
    examples: Annotated[int, typer.Option(min=0, help="Pages to show of each kind: let in, put out.")] = 3,
    workers: WorkersOption = DEFAULT_WORKERS,
    as_json: JsonOption = False,
) -> None:
    """The funnel under other limits beside the one there is, told from the ledger: nothing is read or run again."""
    from flows.recipe import load_recipe
    from flows.what_if.question import ask
    from flows.what_if.show import print_answer
    from storage.lake import Lake

    print_answer(ask(Lake(lake), load_recipe(recipe, changes)), examples, as_json)
    if apply:
        from flows.what_if.apply_flow import ApplyRequest, run_apply

        run_apply(ApplyRequest(recipe=recipe, changes=tuple(changes), lake=lake, workers=workers), as_json)
