"""The commands that question a lake: its ledger, views, audit and report; added in `flows.cli`."""

from __future__ import annotations

from collections.abc import Callable
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
    _print_view(f"funnel_by_{by.value}" if by else "funnel", lake, as_json)


def why(
    page: Annotated[str, typer.Argument(help="URL, doc_id, or the beginning of one.")],
    lake: LakeOption = DEFAULT_LAKE,
    as_json: JsonOption = False,
) -> None:
    """One page's fate: the rule, every value against its limit, the page it duplicates."""
    from flows import query
    from storage.lake import Lake

    query.print_why(Lake(lake), page, as_json)


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


def alarms(lake: LakeOption = DEFAULT_LAKE, as_json: JsonOption = False) -> None:
    """Rules that remove more or less than published recipes or earlier runs let expect, and the knob of each."""
    _print_view("alarms", lake, as_json)


def sql(
    statement: Annotated[str, typer.Argument(help="A SELECT over the views; `SHOW TABLES` lists them.")],
    lake: LakeOption = DEFAULT_LAKE,
    format: Annotated[str, typer.Option(help="table, csv, json or parquet (to standard output).")] = "table",
    as_json: JsonOption = False,
    allow_files: Annotated[
        bool, typer.Option("--allow-files", help="Let it read files outside the lake too; it never writes.")
    ] = False,
) -> None:
    """SQL over the lake's views, read-only; it reads nothing outside the lake unless files are allowed."""
    from flows import query
    from storage.lake import Lake

    query.print_sql(Lake(lake), statement, "json" if as_json else format, allow_files)


def books(lake: LakeOption = DEFAULT_LAKE, as_json: JsonOption = False) -> None:
    """That nothing is lost: records and bytes of every archive, and where each of them went."""
    _print_view("books", lake, as_json)


def mixture(lake: LakeOption = DEFAULT_LAKE, as_json: JsonOption = False) -> None:
    """Domains asked for and given, and why they differ."""
    _print_view("mixture", lake, as_json)


def cost(lake: LakeOption = DEFAULT_LAKE, as_json: JsonOption = False) -> None:
    """CPU seconds, pages a second and bytes of every stage."""
    _print_view("cost", lake, as_json)


def check(
    lake: LakeOption = DEFAULT_LAKE,
    deep: Annotated[bool, typer.Option(help="Read every file again and compare its digest.")] = True,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="First withdraw damaged files, to be made again, and renew manifest and views."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Audit: books, digests, and that every record has exactly one row. Exit code 1 when something is wrong."""
    from flows import query
    from storage.lake import Lake

    if repair:
        from flows.progress import tell
        from flows.repair import repair as withdraw

        found = withdraw(Lake(lake), deep)
        for sentence in found:
            tell(sentence)
        if found:
            tell("The commands that made them (`winnow corpus`, `winnow tokens`) make them again, and nothing else.")
    if not query.print_check(Lake(lake), deep, as_json):
        raise typer.Exit(1)


def report(
    lake: LakeOption = DEFAULT_LAKE,
    output: Annotated[str, typer.Option(help="File to write; by default report.html in the lake.")] = "",
    open_it: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
    serve: Annotated[bool, typer.Option("--serve", help="Serve it to this machine as the lake grows.")] = False,
    port: Annotated[int, typer.Option(help="Port for --serve.", min=0, max=65535)] = 8011,
) -> None:
    """One page with everything the lake can show, its figures to be moved; opens from disk without network."""
    from flows.report.live import serve_report
    from flows.report.page import write_report
    from storage.lake import Lake

    if serve:
        serve_report(Lake(lake), port)
        return
    path = write_report(Lake(lake), output)
    print(path)
    if open_it:
        typer.launch(path)


def _print_view(name: str, lake: str, as_json: bool) -> None:
    from flows import query
    from storage.lake import Lake

    query.print_view(Lake(lake), name, as_json)


COMMANDS: tuple[Callable[..., None], ...] = (*(funnel, why, what_if, alarms, sql, books, mixture, cost, check, report),)
