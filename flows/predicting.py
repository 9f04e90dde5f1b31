"""A kept fine-tuning applied: texts go in, rows with what it says of each come out; torch stays in a child process."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

from flows.child import run_child
from flows.finetune_encoding import marks_of, side_of
from flows.generation import find_training, load_language
from flows.predict_rows import AT_ONCE, Row
from flows.training_task import absolute
from model.config import Device, ModelConfig
from model.finetune.config import WEIGHTS, FinetuneConfig, Items, Prediction, PredictSpec, Task
from model.finetune.metrics import entities
from pipeline.labelled.examples import Example
from pipeline.labelled.unlabelled import KEYS, example_of, word_places, words_of
from pipeline.tokens import Tokenizer
from storage import files
from storage.errors import UserError
from storage.lake import Lake


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


def predict(lake: Lake, kept: Kept, rows: Iterable[Row], *, threads: int = 0, device: Device = "auto") -> Iterator[Row]:
    """Each row with what the fine-tuning says of it, in order: `prediction`, and by task more.

    classification, pairs: `probability`, `probabilities` by class. similarity: a number. tagging: a tag a word, and
    `entities` (type, text, start and end in characters, the smallest probability of its words' tags). qa: the answer,
    its `start`, `end` and `probability` among all spans. instruction: what is written.

    `AT_ONCE` rows are in memory together, taken when those before are told.

    Raises:
        UserError: A row is no example of the task; says which.
    """
    tokenizer, tokens = load_language(lake, kept.training["checkpoint"].rpartition("/")[0])
    marks = marks_of(ModelConfig(**json.loads(kept.training["config"])["model"]), tokens)
    spec = PredictSpec(
        task_weights=absolute(lake, kept.weights), weights=absolute(lake, kept.training["checkpoint"]),
        pad_id=tokens.pad_id, end_id=tokens.end_id, threads=threads, device=device,
    )  # fmt: skip
    now: list[Row] = []

    def pieces() -> Iterator[str]:
        yield f"{spec.model_dump_json()}\n"
        source, first = iter(rows), 1
        while part := list(islice(source, AT_ONCE)):
            examples = list(_examples(part, kept.task, first))
            items = side_of(examples, tokenizer, marks, kept.classes, kept.config).items
            now[:], first = part, first + len(part)
            yield f"{Items.model_construct(items=items).model_dump_json()}\n"

    with closing(run_child("model.finetune.predict", "-", pieces())) as events:
        for event in events:
            event.pop("event")
            found = Prediction.model_validate(event)
            yield now[found.example] | _told(found, now[found.example], kept, tokenizer)


def _examples(rows: Iterable[Row], task: Task, first: int) -> Iterator[Example]:
    for number, row in enumerate(rows, first):
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
