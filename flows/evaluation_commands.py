"""`winnow evaluate`: a training on the documents held out of it, or zero-shot on benchmarks, beside chance."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from flows.options import DEFAULT_LAKE, JsonOption, LakeOption

SHOWN = ("benchmark", "metric", "value", "low", "high", "chance", "items")
HELD_OUT = ("domain", "metric", "value", "low", "high", "unit", "documents", "tokens", "bytes")


def evaluate(
    benchmarks: Annotated[
        list[str] | None, typer.Argument(help="JSONL files, or folders of them; none: held-out documents.")
    ] = None,
    training: Annotated[str, typer.Option(help="Training: its id or name; by default the newest.")] = "latest",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Questions of each file, held-out documents of each domain; the first.")
    ] = None,
    start_token: Annotated[
        bool, typer.Option("--start-token", help="Begin every context as documents begin in training.")
    ] = False,
    stride: Annotated[
        int | None,
        typer.Option(min=1, help="Held-out documents: tokens a window scores; by default half of those it sees."),
    ] = None,
    lake: LakeOption = DEFAULT_LAKE,
    as_json: JsonOption = False,
) -> None:
    """A trained model on text it has never seen: perplexity and bits a byte by domain, or zero-shot scores.

    Without files: the documents held out of its tokens, each scored whole, in windows where it is longer than the
    model sees; an encoder's pseudo-perplexity. With files: the likeliest answer counts, as in lm-evaluation-harness.
    A line of a file is a question in one of four forms: query, choices, gold; context_options, continuation, gold;
    sentence_good, sentence_bad; context, continuation.
    """
    from flows.tables import print_table, table_of

    if benchmarks:
        rows = _zero_shot(lake, benchmarks, training, limit, start_token)
    else:
        rows = _held_out(lake, training, limit, stride)
    shown = table_of(rows, SHOWN if benchmarks else HELD_OUT)
    print_table(shown, "json" if as_json else "table", title=rows[0]["name"] if rows else "")


def _held_out(lake: str, training: str, limit: int | None, stride: int | None) -> list[dict[str, Any]]:
    from flows.held_out import evaluate_held_out
    from storage.lake import Lake

    rows = evaluate_held_out(Lake(lake), training, limit=limit, stride=stride)
    return [row | json.loads(row["details"]) | {"domain": row["part"]} for row in rows]


def _zero_shot(
    lake: str, benchmarks: list[str], training: str, limit: int | None, start_token: bool
) -> list[dict[str, Any]]:
    from flows.evaluation import evaluate as score
    from flows.evaluation import read_benchmark
    from flows.progress import progress
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
    return rows
