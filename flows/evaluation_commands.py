"""`winnow evaluate`: zero-shot scores of a training, beside chance."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from flows.options import DEFAULT_LAKE, JsonOption, LakeOption

SHOWN = ("benchmark", "metric", "value", "low", "high", "chance", "items")


def evaluate(
    benchmarks: Annotated[list[str], typer.Argument(help="JSONL files, or folders of them.")],
    training: Annotated[str, typer.Option(help="Training: its id or name; by default the newest.")] = "latest",
    limit: Annotated[int | None, typer.Option(min=1, help="Questions of each file, from its beginning.")] = None,
    start_token: Annotated[
        bool, typer.Option("--start-token", help="Begin every context as documents begin in training.")
    ] = False,
    lake: LakeOption = DEFAULT_LAKE,
    as_json: JsonOption = False,
) -> None:
    """Zero-shot scores of a trained decoder: the likeliest answer counts, as in lm-evaluation-harness.

    A line of a file is a question in one of four forms: query, choices, gold; context_options, continuation, gold;
    sentence_good, sentence_bad; context, continuation.
    """
    from flows.evaluation import evaluate as score
    from flows.evaluation import read_benchmark
    from flows.progress import progress
    from flows.tables import print_table, table_of
    from storage.files import list_files
    from storage.lake import Lake

    paths = [path for given in benchmarks for path in list_files(given, ".jsonl") or [given]]
    rows = []
    with progress("evaluate", len(paths)) as shown:
        for path in paths:
            for row in score(Lake(lake), training, read_benchmark(path, limit), start_token=start_token):
                about = json.loads(row["details"])
                rows.append({**row, "benchmark": row["part"], "chance": about["chance"], "items": about["items"]})
            shown.advance(path)
    print_table(table_of(rows, SHOWN), "json" if as_json else "table", title=rows[0]["name"] if rows else "")
