"""`winnow toxicity train`: labelled text to a fastText classifier, with its precision and recall on a held-out part."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.options import JsonOption

toxicity_app = typer.Typer(
    no_args_is_help=True, help="Classifiers of toxic pages and spam, from your own labelled text."
)


@toxicity_app.callback()
def _group() -> None:
    """Keeps `train` a command of its own: typer would call a lone command by the group's name."""


@toxicity_app.command("train")
def train(
    labelled: Annotated[Path, typer.Argument(help="CSV or JSON lines: a text and a label a row.")],
    output: Annotated[Path, typer.Option(help="Where the model goes; name it in toxicity.model.")] = Path("toxic.bin"),
    text: Annotated[str, typer.Option(help="Column that holds the text.")] = "text",
    label: Annotated[str, typer.Option(help="Column that holds the label.")] = "label",
    positive: Annotated[str, typer.Option(help="Labels that mean toxic, comma-separated.")] = "1",
    held_out: Annotated[float, typer.Option(min=0.0, max=0.9, help="Share of texts kept for the measurement.")] = 0.2,
    as_json: JsonOption = False,
) -> None:
    """Train, measure on texts never trained on, write the model. The same file gives the same model."""
    from flows.tables import print_table, table_of, to_json
    from flows.toxicity_training import read_labelled, train_classifier

    examples = read_labelled(labelled, text, label, frozenset(positive.split(",")))
    found = train_classifier(examples, output, held_out)
    if as_json:
        print(to_json(found))
        return
    print_table(table_of(found["thresholds"], ("threshold", "precision", "recall", "f1")), title="held-out texts")
    print(
        f"{found['trained_texts']:,} texts trained on, {found['held_out_texts']:,} measured "
        f"({found['held_out_positive']:,} positive); {output}, sha256 {found['sha256'][:16]}"
    )
