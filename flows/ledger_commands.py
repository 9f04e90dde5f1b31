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
    RunOption,
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
    recipe: Annotated[
        str | None,
        typer.Argument(help="A shipped recipe or a .toml file; none: the settings that the run was made with."),
    ] = None,
    changes: SetOption = [],  # noqa: B006  typer reads the default, nobody changes it
    lake: LakeOption = DEFAULT_LAKE,
    run: RunOption = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Make the corpus too: only pages let in are read again, by byte range.")
    ] = False,
    examples: Annotated[int, typer.Option(min=0, help="Pages to show of each kind: let in, put out.")] = 3,
    workers: WorkersOption = DEFAULT_WORKERS,
    as_json: JsonOption = False,
) -> None:
    """The funnel under other limits beside the one there is, told from the ledger: nothing is read or run again."""
    from flows.progress import tell
    from flows.what_if.question import ask_for
    from flows.what_if.show import print_answer, which_run
    from storage.lake import Lake

    question = ask_for(Lake(lake), recipe, changes, run)
    if recipe is None and run is None and question.run.others:
        tell(which_run(question.run))
    print_answer(question, examples, as_json)
    if apply:
        from flows.what_if.apply_flow import ApplyRequest, run_apply

        request = ApplyRequest(
            recipe=recipe, changes=tuple(changes), lake=lake, run=question.run.run_id, workers=workers
        )
        run_apply(request, as_json)
