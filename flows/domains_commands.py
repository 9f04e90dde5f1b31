"""`winnow domains`: train the classifier that names a page's domain where nothing else does."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.options import JsonOption

domains_app = typer.Typer(no_args_is_help=True, help="Which domain a page belongs to: train the classifier of topics.")


@domains_app.callback()
def _group() -> None:
    """Keeps `train` a command of its own: typer would call a lone command by the group's name."""


@domains_app.command("train")
def train(
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="DOMAIN=INPUT: JSONL, Parquet, archives, directories or globs of them, .txt files, a lake; or JSONL "
            "whose records have a `domain` beside their `text`."
        ),
    ],
    output: Annotated[str, typer.Option(help="Where the model goes; name it in domains.model.")] = "domains.bin",
    held_out: Annotated[float, typer.Option(min=0.01, max=0.9, help="Share of texts kept for the measurement.")] = 0.2,
    as_json: JsonOption = False,
) -> None:
    """Train on labelled text, measure on texts never trained on, write the model. Same texts, same bytes."""
    from flows.domains_training import DomainsTraining, read_labelled, train_domains
    from flows.tables import print_table, table_of, to_json

    config = DomainsTraining(held_out=held_out)
    report = train_domains(read_labelled(inputs, config), output, config)
    if as_json:
        print(to_json(report))
        return
    columns = ("domain", "held_out", "precision", "recall", "f1")
    print_table(table_of(report["domains"], columns), title="held-out passages")
    confused = [{"labelled": domain, **row} for domain, row in report["confusion"].items()]
    print_table(table_of(confused, ("labelled", *report["confusion"])), title="confusion: labelled, and taken for")
    print_table(table_of(report["by_min_prob"], ("min_prob", "answered_frac", "right_frac")), title="domains.min_prob")
    print(f"{output}, sha256 {report['sha256'][:16]}, {report['accuracy']:.1%} of held-out passages right")
