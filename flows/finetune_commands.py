"""`winnow finetune`: a trained model learns a task from labelled examples, and is measured on others."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from flows.options import DEFAULT_LAKE, JsonOption, LakeOption, SetOption

SHOWN = (
    *("data", "model", "kind", "mode", "start", "examples", "seeds", "metric", "mean", "from", "to"),
    *("gain", "gain_from", "gain_to", "rates", "seconds"),
)


def finetune(
    task: Annotated[
        Literal["classification", "pairs", "similarity", "tagging", "qa", "instruction"],
        typer.Argument(help="What is learned: a class of a text or of two, a number for two, tags, answers, writing."),
    ],
    train: Annotated[str, typer.Argument(help="Labelled file: .jsonl, .tsv, CoNLL, SQuAD's .json, or 'label text'.")],
    measure: Annotated[
        str | None, typer.Argument(help="File to measure on; by default a share of the other, by a hash of its texts.")
    ] = None,
    training: Annotated[str, typer.Option(help="Training: its id or name; by default the newest.")] = "latest",
    name: Annotated[str | None, typer.Option(help="Name of the data set; by default the file's.")] = None,
    mode: Annotated[
        Literal["full", "frozen", "lora"],
        typer.Option(help="All weights; a head over learned layer weights of a frozen model; low-rank updates."),
    ] = "full",
    start: Annotated[
        Literal["pretrained", "scratch", "both"],
        typer.Option("--from", help="The training's weights, random ones of the same shape, or one after the other."),
    ] = "pretrained",
    examples: Annotated[str, typer.Option(help="Training examples to take, several apart by commas: 100,1000,all.")] = (
        "all"
    ),
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each kind, seeds 0, 1, 2...")] = 1,
    rates: Annotated[
        str | None,
        typer.Option(
            help="Learning rates to try, apart by commas; every run keeps the one its choice split likes best."
        ),
    ] = None,
    sentences: Annotated[str | None, typer.Option(help="QAMR's file of sentences.")] = None,
    encoding: Annotated[str, typer.Option(help="Of the files.")] = "utf-8",
    keep: Annotated[bool, typer.Option("--keep", help="Keep weights and predictions in the lake.")] = False,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0: all.")] = 0,
    lake: LakeOption = DEFAULT_LAKE,
    changes: SetOption = [],  # noqa: B006
    as_json: JsonOption = False,
) -> None:
    """Fine-tune a trained model on a task; with `--from both --examples 100,1000,all --seeds 5`, what it was worth.

    A run that was done is not done again. --set changes how: epochs=8, learning_rate=1e-4, lora.rank=4, max_tokens=128.
    """
    from flows.finetune_settings import config_of, rates_of, sizes_of, starts_of
    from flows.finetuning import finetune as learn
    from flows.label_efficiency import efficiencies, flat, table_rows
    from flows.labelled_data import read_data
    from flows.progress import progress
    from flows.tables import print_table, table_of
    from storage.lake import Lake

    config = config_of([f'mode="{mode}"', *changes])
    data = read_data(task, train, measure, name=name, sentences=sentences, encoding=encoding)
    starts = starts_of(start, sizes_of(examples), seeds)
    with progress("finetune", len(starts)) as shown:
        rows = learn(
            Lake(lake),
            training,
            data,
            config,
            starts,
            rates=rates_of(rates),
            keep=keep,
            threads=threads,
            listen=lambda key: shown.advance(key),
        )
    found = efficiencies([flat(row) for row in rows])
    print_table(table_of(table_rows(found), SHOWN), "json" if as_json else "table", title=data.name)
