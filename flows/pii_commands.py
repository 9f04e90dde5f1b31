"""`winnow pii train`: the classifier of contexts, trained on generated text and on labelled text of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.options import JsonOption

pii_app = typer.Typer(no_args_is_help=True, help="The classifier that decides on numbers which may be personal.")


@pii_app.callback()
def _group() -> None:
    """Keeps `train` a command of its own: typer would call a lone command by the group's name."""


@pii_app.command("train")
def train(
    labelled: Annotated[
        Path | None,
        typer.Argument(help="JSON lines: text, and spans of kind, start, end. None: generated text alone."),
    ] = None,
    output: Annotated[Path, typer.Option(help="Where the model goes; name it in pii.model.")] = Path(
        "pii-context.json"
    ),
    as_json: JsonOption = False,
) -> None:
    """Train, measure on contexts never trained on, write the model. The same text gives the same model."""
    from flows.pii_training import train_context
    from flows.tables import print_table, table_of, to_json

    found = train_context(labelled, output)
    if as_json:
        print(to_json(found))
        return
    print_table(table_of(found["parts"], ("part", "personal", "kept_frac", "others", "removed_frac")), title="held out")
    print(f"{found['examples']:,} examples; {output}, sha256 {found['sha256'][:16]}")
