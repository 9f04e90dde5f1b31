"""`winnow forget`: a page, an address or a host taken out of everything a lake has made of it."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.options import DEFAULT_LAKE, DEFAULT_WORKERS, JsonOption, LakeOption, WaitOption, WorkersOption

Several = list[str]


def forget(
    host: Annotated[Several, typer.Option(help="A host and every host under it; repeatable.")] = [],  # noqa: B006  typer
    url: Annotated[Several, typer.Option(help="An address, as the ledger has it; repeatable.")] = [],  # noqa: B006
    doc: Annotated[Several, typer.Option(help="A doc_id; repeatable.")] = [],  # noqa: B006
    copies: Annotated[bool, typer.Option("--copies", help="Also the pages that are duplicates of them.")] = False,
    trainings: Annotated[
        str, typer.Option(help="Models trained on them: keep or remove. Needed where there are some.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what holds them, and change nothing.")] = False,
    wait: WaitOption = 0,
    lake: LakeOption = DEFAULT_LAKE,
    workers: WorkersOption = DEFAULT_WORKERS,
    as_json: JsonOption = False,
) -> None:
    """Take pages out of the ledger, texts, corpora, tokens and trainings; no later run brings them back."""
    from flows.forgetting.request import Request
    from flows.forgetting.run import ForgetRequest, run_forget

    named = Request(tuple(host), tuple(url), tuple(doc), copies)
    run_forget(ForgetRequest(named, lake, workers, trainings, dry_run, wait), as_json)
