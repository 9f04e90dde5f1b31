"""A kept fine-tuning applied: texts go in, rows with what it says of each come out; torch stays in a child process."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from flows.child import run_child
from flows.finetune_encoding import marks_of, side_of
from flows.generation import find_training, load_language
from flows.training_task import absolute
from model.config import Device, ModelConfig
from model.finetune.config import WEIGHTS, FinetuneConfig, Prediction, PredictSpec, Task
from model.finetune.metrics import entities
from pipeline.labelled.examples import Example
from pipeline.labelled.unlabelled import KEYS, example_of, row_of, word_places, words_of
from pipeline.tokens import Tokenizer
from storage import files
from storage.errors import UserError
from storage.lake import Lake

Row = dict[str, Any]


@dataclass(frozen=True)
class Kept:
    """A fine-tuning whose weights are in the lake.

    Attributes:
        row: Its row of `evaluations`.
        training: Row of the training it began with.
        classes: Names of classes or tags, by number.
    """

    row: Row
    training: Row
    task: Task
    classes: tuple[str, ...]
    config: FinetuneConfig

    @property
    def weights(self) -> str:
        """Where they are, within the lake."""
        return _weights_of(self.row)


def find_kept(lake: Lake, which: str) -> Kept:
    """The newest kept fine-tuning of that data set, or whose id begins so; "latest": of all.

    Raises:
        UserError: There is none; says which there are, or how to keep it.
    """
    rows = [row for row in lake.rows("evaluations") if row["kind"] == "finetune"]
    rows = sorted(rows, key=lambda row: (row["finished_at"], row["evaluation_id"]))
    asked = [r for r in rows if which in ("latest", r["part"]) or (which and r["evaluation_id"].startswith(which))]
    kept = [row for row in asked if _is_kept(lake, row)]
    if not kept:
        if asked:
            raise UserError(f"the weights of the fine-tuning {which!r} were not kept.", "Run it again with --keep.")
        known = ", ".join(f"{r['evaluation_id']} ({r['part']})" for r in rows if _is_kept(lake, r))
        raise UserError(
            f"there is no fine-tuning {which!r} in the lake {lake.root}.",
            f"Kept ones: {known}." if known else "Make one: `winnow finetune ... --keep`.",
        )
    row = kept[-1]
    with files.open_read(lake.absolute(_weights_of(row))) as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    about = json.loads(header["__metadata__"]["winnow"])
    training = find_training(lake, json.loads(row["details"])["training_id"])
    config = FinetuneConfig.model_validate(about["config"])
    return Kept(row, training, about["task"], tuple(about["classes"]), config)


def _weights_of(row: Row) -> str:
    return f"finetuned/{row['evaluation_id']}/{WEIGHTS}"


def _is_kept(lake: Lake, row: Row) -> bool:
    return files.exists(lake.absolute(_weights_of(row)))


def read_rows(task: Task, given: Sequence[str], second: str | None = None) -> list[Row]:
    """Rows to apply a task to, from what a command line names.

    Args:
        given: Texts; files of rows (.jsonl, .parquet); "-" for standard input, a JSON object or a text a line.
        second: Of pairs the other text, of qa the context; goes with every text given.

    Raises:
        UserError: No such file, a line that is no example of the task, or nothing at all.
    """
    rows: list[Row] = []
    for one in given:
        if one.endswith((".jsonl", ".parquet")):
            rows += _file_rows(one, task)
        elif one == "-":
            rows += _line_rows(sys.stdin.read(), "standard input", task)
        else:
            rows.append(_row_of_text(one, second, task))
    if not rows:
        raise UserError("there is no text to apply it to.", "Give texts, a .jsonl or .parquet file, or - for lines.")
    return rows


def _row_of_text(text: str, second: str | None, task: Task) -> Row:
    keys = KEYS[task]
    if len(keys) == 1 and second is not None:
        raise UserError(f"the task {task} reads one text.", "Leave out --second and --context.")
    if len(keys) == 2 and second is None:
        option = "--context" if task == "qa" else "--second"
        raise UserError(f"the task {task} reads two texts: {' and '.join(keys)}.", f"Give the other one with {option}.")
    return {"text": text} if task == "tagging" else dict(zip(keys, (text, second), strict=False))


def _file_rows(uri: str, task: Task) -> list[Row]:
    if not files.exists(uri):
        raise UserError(f"there is no file {uri}.")
    with files.open_read(uri) as stream:
        if uri.endswith(".jsonl"):
            try:
                return _line_rows(stream.read().decode(), uri, task, plain=False)
            except UnicodeDecodeError as error:
                raise UserError(f"{uri} is not UTF-8.") from error
        try:
            found: list[Row] = pq.read_table(stream).to_pylist()
        except pa.ArrowInvalid as error:
            raise UserError(f"{uri} is no Parquet file: {error}.") from error
        return found


def _line_rows(content: str, name: str, task: Task, plain: bool = True) -> list[Row]:
    rows = []
    for number, line in enumerate(content.split("\n"), 1):
        if not (line := line.strip("\r\n")).strip():
            continue
        try:
            row = row_of(line, task) if plain and not line.startswith("{") else json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("it is no JSON object")
        except json.JSONDecodeError as error:
            raise UserError(f"line {number} of {name} is no JSON.") from error
        except ValueError as error:
            raise UserError(f"line {number} of {name} does not fit the task {task}: {error}.") from error
        rows.append(row)
    return rows


def predict(lake: Lake, kept: Kept, rows: Sequence[Row], *, threads: int = 0, device: Device = "auto") -> Iterator[Row]:
    """Each row with what the fine-tuning says of it, in order: `prediction`, and by task more.

    classification, pairs: `probability`, `probabilities` by class. similarity: a number. tagging: a tag a word, and
    `entities` (type, text, start and end in characters, the smallest probability of its words' tags). qa: the answer,
    its `start`, `end` and `probability` among all spans. instruction: what is written.

    Raises:
        UserError: A row is no example of the task; says which.
    """
    examples = list(_examples(rows, kept.task))
    tokenizer, tokens = load_language(lake, kept.training["checkpoint"].rpartition("/")[0])
    model = ModelConfig(**json.loads(kept.training["config"])["model"])
    side = side_of(examples, tokenizer, marks_of(model, tokens), kept.classes, kept.config)
    spec = PredictSpec(
        task_weights=absolute(lake, kept.weights), weights=absolute(lake, kept.training["checkpoint"]),
        pad_id=tokens.pad_id, end_id=tokens.end_id, items=side.items, threads=threads, device=device,
    )  # fmt: skip
    with closing(run_child("model.finetune.predict", "-", spec.model_dump_json())) as events:
        for event in events:
            event.pop("event")
            found = Prediction.model_validate(event)
            yield rows[found.example] | _told(found, rows[found.example], kept, tokenizer)


def _examples(rows: Iterable[Row], task: Task) -> Iterator[Example]:
    for number, row in enumerate(rows, 1):
        try:
            yield example_of(row, task)
        except ValueError as error:
            hint = f"Every row needs {' and '.join(KEYS[task])}."
            raise UserError(f"row {number} does not fit the task {task}: {error}.", hint) from error


def _told(found: Prediction, row: Row, kept: Kept, tokenizer: Tokenizer) -> Row:
    if kept.task == "tagging":
        return _tagged(found, row, kept.classes)
    if kept.task == "qa":
        return _answered(found, row["context"])
    if kept.task == "similarity":
        return {"prediction": found.value}
    if kept.task == "instruction":
        return {"prediction": tokenizer.decode(found.written).strip()}
    best = max(range(len(found.probabilities)), key=found.probabilities.__getitem__)
    by_name = dict(zip(kept.classes, found.probabilities, strict=True))
    return {
        "prediction": kept.classes[best], "probability": found.probabilities[best], "probabilities": by_name,
    }  # fmt: skip


def _tagged(found: Prediction, row: Row, classes: Sequence[str]) -> Row:
    words = row["words"] if row.get("words") is not None else words_of(row["text"])
    text = row["text"] if row.get("words") is None else " ".join(words)
    tags, places = [classes[number] for number in found.tags], word_places(row)
    spans = []
    for kind, first, behind in sorted(entities(tags), key=lambda entity: entity[1:]):
        start, end = places[first][0], places[behind - 1][1]
        chance = min(found.tag_probabilities[first:behind])
        spans.append({"type": kind, "text": text[start:end], "start": start, "end": end, "probability": chance})
    return {"words": words, "prediction": tags, "entities": spans}


def _answered(found: Prediction, context: str) -> Row:
    if found.span is None:
        return {"prediction": "", "start": None, "end": None, "probability": None}
    text = context[slice(*found.span)]
    start = found.span[0] + len(text) - len(text.lstrip())
    bare = text.strip()
    return {"prediction": bare, "start": start, "end": start + len(bare), "probability": found.probability}
