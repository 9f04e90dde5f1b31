"""Fine-tuning: labelled files and a training go in, one row a run comes out; torch stays in a child process.

A run is one attempt on some of the examples: from the training's weights or from random ones of the same shape, by one
seed. Runs that differ in that only share data, head, order and settings, so what differs in their scores is the
pre-training.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from flows.child import run_child
from flows.generation import find_training, load_language
from flows.training_task import absolute
from model.config import Device, ModelConfig, TokenSet
from model.finetune import metrics
from model.finetune.config import (
    PRIMARY,
    Attempt,
    FinetuneConfig,
    FinetuneResult,
    FinetuneSpec,
    Item,
    Reference,
    Side,
    Task,
)
from model.objective_config import added_ids, objective_of
from model.parts import ObjectiveConfig
from pipeline.labelled.encoding import Marks, encode_examples
from pipeline.labelled.examples import Asked, Example, Instructed, Labelled, Tagged, split
from pipeline.labelled.formats import read_examples
from pipeline.tokens import Tokenizer
from storage import files, schema
from storage.errors import UserError
from storage.lake import Lake, fingerprint
from storage.shards import read_table, write_table

VERSION = 1
"""Raised when scores come out differently; part of every run's id."""
LEAST_CHOICE = 20
"""Examples to choose the best moment by, at least, where a quarter of all are as many."""
LEAST = 8

Row = dict[str, Any]
Listener = Callable[[str], None]


@dataclass(frozen=True)
class Data:
    """Labelled examples to learn from and to measure on.

    Attributes:
        name: Of the data set.
        digests: sha256 of every file, and how it was split; part of every run's id.
    """

    name: str
    task: Task
    train: tuple[Example, ...]
    measure: tuple[Example, ...]
    digests: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of all classes or tags, sorted."""
        found: set[str] = set()
        for example in (*self.train, *self.measure):
            if isinstance(example, Labelled) and example.label is not None:
                found.add(example.label)
            elif isinstance(example, Tagged):
                found.update(example.tags)
        return tuple(sorted(found))


@dataclass(frozen=True)
class Start:
    """One run of several.

    Attributes:
        examples: Training examples, those that choose the best moment among them; None: all.
    """

    pretrained: bool
    examples: int | None
    seed: int


def read_data(
    task: Task,
    train: str,
    measure: str | None = None,
    *,
    name: str | None = None,
    sentences: str | None = None,
    encoding: str = "utf-8",
    held_out_frac: float = 0.2,
    split_seed: int = 0,
) -> Data:
    """Examples of one file or two.

    Args:
        task: What they are examples of.
        train: File to learn from.
        measure: File to measure on; None: a share of the other, whole texts by a hash.
        name: Of the data set; by default the training file's.
        sentences: QAMR's file of sentences.
        encoding: Of the files.
        held_out_frac: That share.
        split_seed: Of that split.

    Raises:
        UserError: No such file, another encoding, or a line that is no example; says which.
    """
    contents = [_read(uri, encoding) for uri in (train, measure, sentences) if uri]
    digests = [hashlib.sha256(content.encode()).hexdigest() for content in contents]
    texts = _read(sentences, encoding) if sentences else None
    learned = read_examples(contents[0], task, _base(train), texts)
    if measure:
        measured = read_examples(contents[1], task, _base(measure), texts)
    else:
        learned, measured = split(learned, held_out_frac, split_seed)
        digests.append(f"{held_out_frac} {split_seed}")
    for side, what in ((learned, "learn from"), (measured, "measure on")):
        if len(side) < 2:
            raise UserError(f"there is too little to {what} in {train}.", "Give more examples.")
    return Data(name or _base(train), task, tuple(learned), tuple(measured), tuple(digests))


def finetune(
    lake: Lake,
    training: str,
    data: Data,
    config: FinetuneConfig,
    starts: Sequence[Start],
    *,
    keep: bool = False,
    threads: int = 0,
    device: Device = "auto",
    listen: Listener = lambda done: None,
) -> list[Row]:
    """Runs on one data set, those that are there not again; their `EVALUATIONS` rows in the order of `starts`.

    Args:
        lake: Where the training is and the rows go.
        training: Id, its beginning, the name of a training or of an imported model, or "latest".
        data: What to learn.
        config: How.
        starts: From where, on how many examples, by which seed.
        keep: Write weights and predictions into the lake, `finetuned/<evaluation_id>/`.
        threads: CPU threads; 0 for all. Change no definition, but the last bits of a score.
        device: Where to learn.
        listen: Called with every finished run's id.

    Raises:
        UserError: No such training, or its model cannot do the task; or fewer examples than asked for.
    """
    row = find_training(lake, training)
    sized = [_sized(start, len(data.train)) for start in starts]
    ids = [_identify(row, data, config, start) for start in sized]
    missing = [index for index, key in enumerate(ids) if not _is_done(lake, key, keep)]
    for index in set(range(len(ids))) - set(missing):
        listen(ids[index])
    if missing:
        attempts = [_attempt(lake, sized[index], ids[index], config, len(data.train), keep) for index in missing]
        spec, tokenizer = _spec(lake, row, data, config, attempts, threads, device)
        with closing(run_child("model.finetune.run", "-", spec.model_dump_json())) as events:
            for event in events:
                if event["event"] == "result":
                    key, start = ids[missing[event["attempt"]]], sized[missing[event["attempt"]]]
                    event.pop("event")
                    _write(lake, key, row, data, spec, start, FinetuneResult(**event), tokenizer, keep)
                    listen(key)
    return [read_table(lake.absolute(lake.evaluation_path(key))).to_pylist()[0] for key in ids]


def _read(uri: str, encoding: str) -> str:
    if not files.exists(uri):
        raise UserError(f"there is no file {uri}.", "Give a file of labelled examples.")
    with files.open_read(uri) as stream:
        content = stream.read()
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(f"line {line} of {uri} is not {encoding}.", "Name its --encoding, latin-1 say.") from error
    except LookupError as error:
        raise UserError(f"there is no encoding {encoding!r}.") from error


def _base(uri: str) -> str:
    return uri.rstrip("/").rpartition("/")[2]


def _sized(start: Start, most: int) -> Start:
    count = most if start.examples is None else start.examples
    if not LEAST <= count <= most:
        raise UserError(f"{count} examples were asked for; there are {most}.", f"At least {LEAST} are needed.")
    return Start(start.pretrained, count, start.seed)


def _identify(row: Row, data: Data, config: FinetuneConfig, start: Start) -> str:
    return fingerprint("finetune", VERSION, row["training_id"], data.name, data.task, data.digests, config, start)


def _is_done(lake: Lake, key: str, keep: bool) -> bool:
    if keep and not files.exists(lake.absolute(f"finetuned/{key}/predictions.jsonl")):
        return False
    return files.exists(lake.absolute(lake.evaluation_path(key)))


def _attempt(lake: Lake, start: Start, key: str, config: FinetuneConfig, most: int, keep: bool) -> Attempt:
    """The first examples of a shuffle by the seed: fewer are a part of more, and both starts have the same."""
    order = list(range(most))
    random.Random(f"examples {start.seed}").shuffle(order)
    count = start.examples or most
    share = config.choice_frac * count
    choice = round(max(share, min(LEAST_CHOICE, count / 4))) if share else 0
    return Attempt(
        pretrained=start.pretrained, seed=start.seed, choice=tuple(order[:choice]), rows=tuple(order[choice:count]),
        out_dir=absolute(lake, f"finetuned/{key}") if keep else "",
    )  # fmt: skip


def _spec(
    lake: Lake, row: Row, data: Data, config: FinetuneConfig, attempts: list[Attempt], threads: int, device: Device
) -> tuple[FinetuneSpec, Tokenizer]:
    tokenizer, tokens = load_language(lake, row["checkpoint"].rpartition("/")[0])
    model = ModelConfig(**json.loads(row["config"])["model"])
    classes, marks = data.classes, marks_of(model, tokens)
    config = config.model_copy(update={"max_tokens": min(config.max_tokens, tokens.sequence_length)})
    spec = FinetuneSpec(
        weights=absolute(lake, row["checkpoint"]),
        tokenizer_sha256=tokens.tokenizer_sha256,
        task=data.task,
        classes=classes,
        config=config,
        pad_id=tokens.pad_id,
        end_id=tokens.end_id,
        train=side_of(data.train, tokenizer, marks, classes, config),
        measure=side_of(data.measure, tokenizer, marks, classes, config),
        attempts=tuple(attempts),
        threads=threads,
        device=device,
    )
    return spec, tokenizer


def marks_of(model: ModelConfig, tokens: TokenSet) -> Marks:
    """The special tokens around texts: an encoder's own; else what ends documents, as in pre-training."""
    if model.kind != "encoder":
        return Marks(tokens.end_id, tokens.end_id, tokens.end_id)
    if tokens.encoder is not None:
        return Marks(tokens.encoder.classification, tokens.encoder.separator, tokens.encoder.separator)
    objective = ObjectiveConfig()
    names = tokens.specials | added_ids(tokens, objective_of(model, objective), objective)
    return Marks(names["[CLS]"], names["[SEP]"], names["[SEP]"])


def side_of(
    examples: Sequence[Example], tokenizer: Tokenizer, marks: Marks, classes: Sequence[str], config: FinetuneConfig
) -> Side:
    """Examples as a child process is told them."""
    numbers = {name: number for number, name in enumerate(classes)}
    encoded = encode_examples(examples, tokenizer, marks, numbers, config.max_tokens, config.stride_tokens)
    items = tuple(
        Item.model_construct(
            example=one.example, ids=one.ids, second_at=one.second_at, places=one.places, targets=one.targets,
            value=one.value, offsets=one.offsets,
        )
        for one in encoded
    )  # fmt: skip
    references = tuple(
        Reference(context=example.context, answers=tuple(text for _, text in example.answers))
        for example in examples
        if isinstance(example, Asked)
    )
    return Side.model_construct(items=items, references=references)


def _write(
    lake: Lake, key: str, row: Row, data: Data, spec: FinetuneSpec, start: Start, result: FinetuneResult,
    tokenizer: Tokenizer, keep: bool,
) -> None:  # fmt: skip
    """Predictions, where they are kept, then the row: what has a row is whole."""
    found, predictions = result.metrics, result.predictions
    if data.task == "instruction":
        predictions = tuple(tokenizer.decode(ids).strip() for ids in result.written)
        found = found | written_scores(predictions, data.measure)
    if keep:
        lines = (json.dumps({"example": n, "prediction": text}) for n, text in enumerate(predictions))
        content = "".join(f"{line}\n" for line in lines)
        files.write_bytes(lake.absolute(f"finetuned/{key}/predictions.jsonl"), content.encode())
    primary = PRIMARY[data.task]
    model = ModelConfig(**json.loads(row["config"])["model"])
    details = result.model_dump(exclude={"metrics", "predictions", "written", "low", "high", "attempt"}) | {
        "task": data.task, "mode": spec.config.mode, "start": "pretrained" if start.pretrained else "scratch",
        "examples": start.examples, "measured_examples": len(data.measure), "seed": start.seed, "metrics": found,
        "kind": model.kind, "training_id": row["training_id"], "config": spec.config.model_dump(),
        "digests": data.digests, "pretrain_flops": row.get("flops"), "pretrain_seconds": row.get("wall_seconds"),
        "pretrain_tokens": row.get("train_tokens"),
    }  # fmt: skip
    written = {
        "evaluation_id": key, "kind": "finetune", "name": row["name"], "part": data.name, "metric": primary,
        "value": found[primary], "low": result.low, "high": result.high, "unit": "correlation"
        if data.task == "similarity" else "share", "details": json.dumps(details), "finished_at": datetime.now(UTC),
    }  # fmt: skip
    write_table(
        lake.root, lake.evaluation_path(key), "evaluations", pa.Table.from_pylist([written], schema.EVALUATIONS)
    )


def written_scores(texts: Sequence[str], examples: Iterable[Example]) -> dict[str, float]:
    """SQuAD's scores of what a decoder wrote: words shared, and the same text but for case and articles."""
    answers = [example.answer for example in examples if isinstance(example, Instructed)]
    f1 = [metrics.token_f1(text, [answer]) for text, answer in zip(texts, answers, strict=True)]
    same = [metrics.exact_match(text, [answer]) for text, answer in zip(texts, answers, strict=True)]
    return {"written_f1": sum(f1) / len(f1), "written_match": sum(same) / len(same)}
