"""The commands that make a corpus, and what helps to: recipes, one page tried, the service; added in `flows.cli`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.options import (
    DEFAULT_LAKE,
    DEFAULT_WORKERS,
    AllowPrivateOption,
    BaseUrlOption,
    IndexOption,
    JsonOption,
    LakeOption,
    RecipeArgument,
    RunOption,
    SetOption,
    WaitOption,
    WhereOption,
    WorkersOption,
    index_changes,
)
from flows.settings import permit_private_addresses


def demo(lake: LakeOption = "demo-lake", workers: WorkersOption = DEFAULT_WORKERS) -> None:
    """The whole mission on documentation that is already on this machine, without a network."""
    from flows.demo.run import run_demo
    from flows.work import prefect_api

    with prefect_api():
        run_demo(lake, workers)


def corpus(
    recipe: RecipeArgument,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            help="Archives: files, directories, globs, s3:// or https:// URLs, CC-MAIN-2026-05, CC-MAIN-2026-05#3; "
            "domain=PATH declares what a source holds, for example books=texts/*.jsonl.zst."
        ),
    ] = None,
    lake: LakeOption = DEFAULT_LAKE,
    workers: WorkersOption = DEFAULT_WORKERS,
    changes: SetOption = [],  # noqa: B006  typer reads the default, nobody changes it
    crawl: Annotated[str | None, typer.Option(help="Name of the crawl; by default the snapshot's, or `local`.")] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="So many archives of each input, drawn by --seed.")] = None,
    seed: Annotated[int, typer.Option(help="A larger sample with the same seed only adds archives.")] = 0,
    index: IndexOption = False,
    where: WhereOption = None,
    base_url: BaseUrlOption = None,
    runner: Annotated[
        Literal["processes", "dask", "ray"],
        typer.Option(
            help="What runs the tasks: processes of this machine, or a cluster (pip install 'winnow\\[dask]', or ray)."
        ),
    ] = "processes",
    address: Annotated[
        str | None,
        typer.Option(help="Of a running cluster: tcp://host:8786, ray://host:10001. Without it one is started here."),
    ] = None,
    wait: WaitOption = 0,
    allow_private: AllowPrivateOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what there is to do. (What an index answers is kept.)")
    ] = False,
) -> None:
    """Archives to a mixed corpus with its ledger. Run the same command again to resume."""
    from flows.commands import run_corpus
    from flows.corpus_plan import CorpusRequest

    if allow_private:
        permit_private_addresses()
    request = CorpusRequest(
        recipe=recipe, inputs=tuple(inputs or ()), changes=(*changes, *index_changes(index, where)), crawl=crawl,
        lake=lake, workers=workers, sample=sample, seed=seed, base_url=base_url, runner=runner, address=address,
        wait_seconds=wait,
    )  # fmt: skip
    run_corpus(request, dry_run)


def recipe(
    recipe: Annotated[
        str | None, typer.Argument(help="A shipped recipe or a .toml file; none lists the shipped ones.")
    ] = None,
    changes: SetOption = [],  # noqa: B006
    run: RunOption = None,
    lake: LakeOption = DEFAULT_LAKE,
) -> None:
    """Every key of a recipe, or of a lake's run, with its value; or the names of the shipped recipes."""
    from flows.commands import print_recipe

    print_recipe(recipe, changes, run, lake)


def try_(
    stage: Annotated[
        str,
        typer.Argument(
            help="url, extract, language, gopher, c4, lines, nemo, pii, toxicity, decontaminate...: a section."
        ),
    ],
    file: Annotated[Path, typer.Argument(help="An HTML page or a text file; - for standard input.")],
    url: Annotated[str, typer.Option(help="The page's address, for the rules about it.")] = "",
    recipe: Annotated[str, typer.Option(help="Recipe whose settings to use.")] = "fineweb",
    changes: SetOption = [],  # noqa: B006
    as_json: JsonOption = False,
    why: Annotated[bool, typer.Option("--why", help="With extract: every block of the page and its scores.")] = False,
) -> None:
    """One page through one stage: what it measures, what its rules say, the text it gives."""
    from flows.commands import try_page

    try_page(stage, file, url, recipe, changes, as_json, why)


def up(
    port: Annotated[
        int, typer.Option(help="Port of the Prefect server and its UI; the report is on the next.", min=1, max=65534)
    ] = 4200,
    lake: LakeOption = DEFAULT_LAKE,
) -> None:
    """Prefect server, worker, deployments and schedules on this machine, until Ctrl-C."""
    from flows.service import serve

    serve(port, lake)


COMMANDS: tuple[Callable[..., None], ...] = (demo, corpus, recipe, try_, up)
