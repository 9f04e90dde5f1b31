"""`winnow`: one thin function a command. What a command does lives in the module it calls.

Modules that take a second to import (Prefect, Arrow, DuckDB) are imported where they are needed, so that `--help` and
a mistyped option answer at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

import typer

from flows import ledger_commands, scaling_commands
from flows.catalog_commands import catalog_app
from flows.decontaminate_commands import decontaminate_app
from flows.dedup_commands import dedup_app
from flows.domains_commands import domains_app
from flows.embeddings_commands import embeddings
from flows.evaluation_commands import evaluate
from flows.finetune_commands import finetune
from flows.forget_command import forget
from flows.interrupts import INTERRUPTED, stop_on_interrupt
from flows.learning_commands import export, generate, import_, params, pretrain, tokens
from flows.lineage_commands import lineage
from flows.memory_commands import memory
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
from flows.pii_commands import pii_app
from flows.predict_commands import predict
from flows.probe_commands import probe
from flows.quality_commands import quality_app
from flows.settings import permit_private_addresses, quiet_prefect, rest_threads, settings
from flows.toxicity_commands import toxicity_app
from storage import addresses
from storage.errors import UserError, WinnowError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Raw Common Crawl in, a pre-training corpus, a model and a scaling law out; every page accounted for.",
)
scaling_app = typer.Typer(no_args_is_help=True, help="Ladders of small runs, fits, and plans for bigger ones.")


def _tell_version(wanted: bool) -> None:
    if wanted:
        print(f"winnow {metadata.version('winnow')}")
        raise typer.Exit


@app.callback()
def winnow(
    version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None: ...


MAKING, ASKING, LEARNING = "Making a corpus", "Asking what happened", "Learning"
"""Panels of `winnow --help`, which lists commands in the order in which they are added here."""

TRAINING: tuple[Callable[..., None], ...] = (
    *(tokens, pretrain, generate, evaluate, finetune, predict, probe, embeddings, lineage, export),
)
SIZES: tuple[Callable[..., None], ...] = (params, memory)
SCALING: tuple[Callable[..., None], ...] = (
    scaling_commands.ladder,
    scaling_commands.run,
    scaling_commands.fit,
    scaling_commands.plan,
    scaling_commands.compare,
    scaling_commands.figures,
)


@app.command(rich_help_panel=MAKING)
def demo(lake: LakeOption = "demo-lake", workers: WorkersOption = DEFAULT_WORKERS) -> None:
    """The whole mission on documentation that is already on this machine, without a network."""
    from flows.demo.run import run_demo
    from flows.work import prefect_api

    with prefect_api():
        run_demo(lake, workers)


@app.command(rich_help_panel=MAKING)
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
        typer.Option(help="What runs the tasks: processes of this machine, or a cluster (winnow[dask], winnow[ray])."),
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


@app.command("recipe", rich_help_panel=MAKING)
def show_recipe(
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


@app.command("try", rich_help_panel=MAKING)
def try_stage(
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


@app.command(rich_help_panel=MAKING)
def up(
    port: Annotated[int, typer.Option(help="Port of the Prefect server and its UI.")] = 4200,
    lake: LakeOption = DEFAULT_LAKE,
) -> None:
    """Prefect server, worker, deployments and schedules on this machine, until Ctrl-C."""
    from flows.service import serve

    serve(port, lake)


app.command(rich_help_panel=ASKING)(ledger_commands.funnel)


@app.command(rich_help_panel=ASKING)
def why(
    page: Annotated[str, typer.Argument(help="URL or doc_id.")],
    lake: LakeOption = DEFAULT_LAKE,
    as_json: JsonOption = False,
) -> None:
    """One page's fate: the rule, every value against its limit, the page it duplicates."""
    from flows import query
    from storage.lake import Lake

    query.print_why(Lake(lake), page, as_json)


for command in (ledger_commands.what_if, ledger_commands.alarms):
    app.command(rich_help_panel=ASKING)(command)


@app.command(rich_help_panel=ASKING)
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


@app.command(rich_help_panel=ASKING)
def books(lake: LakeOption = DEFAULT_LAKE, as_json: JsonOption = False) -> None:
    """That nothing is lost: records and bytes of every archive, and where each of them went."""
    _print_view("books", lake, as_json)


@app.command(rich_help_panel=ASKING)
def mixture(lake: LakeOption = DEFAULT_LAKE, as_json: JsonOption = False) -> None:
    """Domains asked for and given, and why they differ."""
    _print_view("mixture", lake, as_json)


@app.command(rich_help_panel=ASKING)
def cost(lake: LakeOption = DEFAULT_LAKE, as_json: JsonOption = False) -> None:
    """CPU seconds, pages a second and bytes of every stage."""
    _print_view("cost", lake, as_json)


@app.command(rich_help_panel=ASKING)
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


@app.command(rich_help_panel=ASKING)
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
        typer.launch(str(path))


app.command(rich_help_panel=ASKING)(forget)
for command in TRAINING:
    app.command(rich_help_panel=LEARNING)(command)
app.command("import", rich_help_panel=LEARNING)(import_)
for command in SIZES:
    app.command(rich_help_panel=LEARNING)(command)
for command in SCALING:
    scaling_app.command()(command)
for name, group, panel in (
    ("quality", quality_app, MAKING),
    ("domains", domains_app, MAKING),
    ("pii", pii_app, MAKING),
    ("toxicity", toxicity_app, MAKING),
    ("dedup", dedup_app, ASKING),
    ("decontaminate", decontaminate_app, ASKING),
    ("catalog", catalog_app, ASKING),
    ("scaling", scaling_app, LEARNING),
):
    app.add_typer(group, name=name, rich_help_panel=panel)


def _print_view(name: str, lake: str, as_json: bool) -> None:
    from flows import query
    from storage.lake import Lake

    query.print_view(Lake(lake), name, as_json)


def main() -> None:
    """Entry point: a user's mistake is one sentence and exit code 2, never a traceback."""
    quiet_prefect()
    rest_threads()
    stop_on_interrupt()
    addresses.allow_private(settings().allow_private)
    try:
        app()
    except UserError as error:
        _fail(str(error), 2)
    except WinnowError as error:
        _fail(str(error), 1)
    except KeyboardInterrupt:
        _fail(INTERRUPTED, 130)
    except SystemExit as ended:
        if ended.code == 130:  # Typer's own way to end on Ctrl-C, which says nothing
            _fail(INTERRUPTED, 130)
        raise


def _fail(sentence: str, code: int) -> None:
    print(f"winnow: {sentence}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
