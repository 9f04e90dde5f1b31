"""`winnow`: one thin function a command. What a command does lives in the module it calls.

Modules that take a second to import (Prefect, Arrow, DuckDB) are imported where they are needed, so that `--help` and
a mistyped option answer at once.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from importlib import metadata
from typing import Annotated

import typer

from flows import ledger_commands, making_commands, scaling_commands
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
from flows.pii_commands import pii_app
from flows.predict_commands import predict
from flows.probe_commands import probe
from flows.quality_commands import quality_app
from flows.settings import quiet_prefect, reach_own_servers, rest_threads, settings
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

COMMANDS: tuple[tuple[str, tuple[Callable[..., None], ...]], ...] = (
    (MAKING, making_commands.COMMANDS),
    (ASKING, (*ledger_commands.COMMANDS, forget)),
    (LEARNING, (tokens, pretrain, generate, evaluate, finetune, predict, probe, embeddings, lineage)),
    (LEARNING, (export, import_, params, memory)),
)
SCALING: tuple[Callable[..., None], ...] = (
    scaling_commands.ladder,
    scaling_commands.run,
    scaling_commands.fit,
    scaling_commands.plan,
    scaling_commands.compare,
    scaling_commands.figures,
)


def _help(command: Callable[..., None]) -> str:
    """Its docstring, a line a paragraph: a screen breaks lines where it ends, not where the source did."""
    return "\n\n".join(" ".join(part.split()) for part in (inspect.getdoc(command) or "").split("\n\n"))


for panel, commands in COMMANDS:
    for command in commands:  # a name that Python has for itself ends in _
        name = command.__name__.rstrip("_").replace("_", "-")
        app.command(name, help=_help(command), rich_help_panel=panel)(command)
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


def main() -> None:
    """Entry point: a user's mistake is one sentence and exit code 2, never a traceback."""
    quiet_prefect()
    reach_own_servers()
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
