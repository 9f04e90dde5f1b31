"""`winnow predict`: a kept fine-tuning applied to texts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Annotated, Any, BinaryIO

import typer

from flows.options import DEFAULT_LAKE, JsonOption, LakeOption

SHOWN = ("text", "second", "question", "prompt", "prediction", "probability")
"""Columns of the table, where a row has them; all else is in --json and --out."""


def predict(
    name: Annotated[str, typer.Argument(help="Fine-tuning: its id or data set, of those kept; latest: the newest.")],
    inputs: Annotated[
        list[str], typer.Argument(help="Texts, .jsonl or .parquet files; -: a text or a JSON object a line.")
    ],
    second: Annotated[
        str | None, typer.Option("--second", "--context", help="Pairs: the other text; qa: where the answer stands.")
    ] = None,
    out: Annotated[str | None, typer.Option(help="Write the rows to this .jsonl instead of printing them.")] = None,
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0: all.")] = 0,
    lake: LakeOption = DEFAULT_LAKE,
    as_json: JsonOption = False,
) -> None:
    """Apply a fine-tuning that was kept (`winnow finetune --keep`): classes, tags, answers, with probabilities.

    Rows have `text`; `text` and `second` (pairs, similarity); `text` or `words` (tagging); `question` and `context`
    (qa); `prompt` (instruction). On plain lines two texts are apart by a tab. What else a row has is handed on.
    """
    from flows.predict_rows import read_rows
    from flows.predicting import find_kept
    from flows.predicting import predict as apply
    from flows.tables import json_pieces
    from storage.errors import UserError
    from storage.files import exists
    from storage.lake import Lake

    if out is not None and exists(out):
        raise UserError(f"{out} is there already.", "Name another file, or remove it.")
    kept = find_kept(Lake(lake), name)
    rows = apply(Lake(lake), kept, read_rows(kept.task, inputs, second), threads=threads)
    if out is not None:
        print(f"{_write(out, rows)} rows written to {out}")
    elif as_json:
        for piece in json_pieces(rows):
            sys.stdout.write(piece)
        print()
    else:
        _show(rows)


def _write(out: str, rows: Iterable[dict[str, Any]]) -> int:
    """Rows as lines of a file that is there when all are in it; how many."""
    from storage.files import write_atomic

    count = 0

    def write(stream: BinaryIO) -> None:
        nonlocal count
        for row in rows:
            count += 1
            stream.write(f"{json.dumps(row, ensure_ascii=False, default=str)}\n".encode())

    write_atomic(out, write)
    return count


def _show(rows: Iterable[dict[str, Any]]) -> None:
    from flows.tables import print_table, table_of

    shown = [row | {"text": row.get("text") or " ".join(row.get("words", ()))} for row in rows]
    for row in shown:
        if "entities" in row:
            spelt = (f"{one['type']}: {one['text']} ({one['probability']:.2f})" for one in row["entities"])
            row["prediction"] = "; ".join(spelt)
    columns = [name for name in SHOWN if any(row.get(name) not in (None, "") for row in shown)]
    print_table(table_of(shown, columns if "prediction" in columns else [*columns, "prediction"]), "table")
