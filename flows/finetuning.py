"""Fine-tuning: labelled files and a training go in, one row a run comes out; torch stays in a child process.

A run is one attempt on some of the examples: from the training's weights or from random ones of the same shape, by one
seed. Runs that differ in that only share data, head, order and settings, so what differs in their scores is the
pre-training.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from flows.child import run_child
from flows.finetune_encoding import marks_of, side_of
from flows.generation import find_training, load_language
from flows.labelled_data import Data
from flows.training_task import absolute
from model.config import Device, ModelConfig
from model.finetune import metrics
from model.finetune.config import PRIMARY, Attempt, FinetuneConfig, FinetuneResult, FinetuneSpec
from pipeline.labelled.examples import Example, Instructed
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
class Start:
    """One run of several.

    Attributes:
        examples: Training examples, those that choose the best moment among them; None: all.
    """

    pretrained: bool
    examples: int | None
    seed: int


def finetune(
    lake: Lake,
    training: str,
    data: Data,
    config: FinetuneConfig,
    starts: Sequence[Start],
    *,
    rates: Sequence[float] = (),
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
        rates: Learning rates that every run tries. It keeps the one that its choice split likes best, examples of its
            own that it did not learn from: each start has its own rate, and none has seen what it is measured on.
        keep: Write weights and predictions into the lake, `finetuned/<evaluation_id>/`.
        threads: CPU threads; 0 for all. Change no definition, but the last bits of a score.
        device: Where to learn.
        listen: Called with every finished run's id.

    Raises:
        UserError: No such training, or its model cannot do the task; fewer examples than asked for; or
            `rates` beside a learning rate in `config`.
    """
    row = find_training(lake, training)
    sized = [_sized(start, len(data.train)) for start in starts]
    if rates and config.learning_rate is not None:
        raise UserError("both one learning rate and several to choose from were given.", "Give one or the other.")
    ids = [_identify(row, data, config, start, rates) for start in sized]
    missing = [index for index, key in enumerate(ids) if not _is_done(lake, key, keep)]
    for index in set(range(len(ids))) - set(missing):
        listen(ids[index])
    if missing:
        attempts = [_attempt(lake, sized[index], ids[index], config, len(data.train), keep) for index in missing]
        spec, tokenizer = _spec(lake, row, data, config, attempts, threads, device)
        spec = spec.model_copy(update={"rates": tuple(rates)})
        with closing(run_child("model.finetune.run", "-", spec.model_dump_json())) as events:
            for event in events:
                if event["event"] == "result":
                    key, start = ids[missing[event["attempt"]]], sized[missing[event["attempt"]]]
                    event.pop("event")
                    _write(lake, key, row, data, spec, start, FinetuneResult(**event), tokenizer, keep)
                    listen(key)
    return [read_table(lake.absolute(lake.evaluation_path(key))).to_pylist()[0] for key in ids]


def _sized(start: Start, most: int) -> Start:
    count = most if start.examples is None else start.examples
    if not LEAST <= count <= most:
        raise UserError(f"{count} examples were asked for; there are {most}.", f"At least {LEAST} are needed.")
    return Start(start.pretrained, count, start.seed)


def _identify(row: Row, data: Data, config: FinetuneConfig, start: Start, rates: Sequence[float]) -> str:
    parts = "finetune", VERSION, row["training_id"], data.name, data.task, data.digests, config, start
    return fingerprint(*parts, *([sorted(rates)] if rates else ()))


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
