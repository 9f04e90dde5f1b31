"""One training: a child process that has torch, and the row of the `trainings` table that it earns."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from flows.child import run_child
from flows.writing import alone
from model.config import Device, ModelConfig, TrainConfig
from model.memory import training_flops
from model.objective_config import training_model
from model.rules import essence, settle
from model.specs import TrainingResult, TrainingSpec
from model.token_set import TokenSet
from storage import files, schema
from storage.errors import UserError
from storage.lake import Lake, fingerprint
from storage.shards import read_table, write_table
from storage.uris import is_local, join, local_path

VERSION = 2
"""Raised when trainings come out differently; part of every training's id."""

Listener = Callable[[dict[str, Any]], None]


def train_once(
    lake: Lake,
    name: str,
    tokens_dir: str,
    model: ModelConfig,
    train: TrainConfig,
    *,
    threads: int = 0,
    device: Device = "auto",
    ranks: int = 1,
    stem_dir: str = "",
    listen: Listener = lambda event: None,
) -> dict[str, Any]:
    """Train a model unless that is done, going on where a killed attempt stopped; its `TRAININGS` row.

    Args:
        lake: The lake the tokens are in and the row goes to.
        name: Of the run or rung; part of the training's id.
        tokens_dir: Token set, relative to the lake.
        model: Its vocabulary is taken from the tokens.
        train: Budget, optimiser and schedule; what is null is set by `model.rules`.
        threads: CPU threads; 0 for all. Change no definition, but the last bits of a loss.
        device: Where to train.
        ranks: Processes that share every batch, each on a device of its own.
        stem_dir: Where trainings of other lengths leave what they have in common with this one, relative to the lake;
            empty: nowhere. Changes no result.
        listen: Called with every progress event: start, step, warning, end.

    Raises:
        UserError: No such tokens, or too few of them.
        Fatal: The process died, or its loss stopped being a number.
    """
    tokens = read_token_set(lake, tokens_dir)
    model = training_model(model, tokens, train.objective)
    train = settle(train, model)
    training_id = identify(name, tokens, model, train)
    path = lake.training_path(training_id)
    if files.exists(lake.absolute(path)):
        return _read_row(lake, path)
    directory = f"checkpoints/{training_id}"
    spec = TrainingSpec(
        tokens_dir=absolute(lake, tokens_dir),
        out_dir=absolute(lake, directory),
        stem_dir=absolute(lake, stem_dir) if stem_dir else "",
        model=model,
        train=train,
        threads=threads,
        device=device,
    )
    with alone(lake, f"training-{training_id}", f"a training of {name}"):
        if not files.exists(lake.absolute(path)):
            result = _train(spec, ranks, listen)
            row = _row(lake, training_id, name, tokens, spec, result, f"{directory}/{result.weights}")
            write_table(lake.root, path, "trainings", pa.Table.from_pylist([row], schema.TRAININGS))
    return _read_row(lake, path)


def identify(name: str, tokens: TokenSet, model: ModelConfig, train: TrainConfig) -> str:
    """The training's id: all that decides its result. How often checkpoints are written does not."""
    return fingerprint("training", VERSION, name, tokens.fingerprint, model, essence(settle(train, model)))


def read_token_set(lake: Lake, tokens_dir: str) -> TokenSet:
    """What is in a token set.

    Raises:
        UserError: There is no finished one.
    """
    path = lake.absolute(f"{tokens_dir}/meta.json")
    if not files.exists(path):
        raise UserError(f"there are no finished tokens in {tokens_dir}.", "Run `winnow tokens` first.")
    try:
        with files.open_read(path) as stream:
            return TokenSet.model_validate_json(stream.read())
    except ValidationError as error:
        raise UserError(f"{path} was written by another version of Winnow.", "Run `winnow tokens` again.") from error


def absolute(lake: Lake, path: str) -> str:
    """A path of the lake that holds in a process with another working directory."""
    uri = lake.absolute(path)
    return str(Path(local_path(uri)).resolve()) if is_local(uri) else uri


def _train(spec: TrainingSpec, ranks: int, listen: Listener) -> TrainingResult:
    """The child's result; one that finished without a row (killed in between) is not trained again."""
    result = join(spec.out_dir, "result.json")
    if not files.exists(result):
        path = join(spec.out_dir, "spec.json")
        files.write_bytes(path, spec.model_dump_json(indent=1).encode())
        for event in run_child("model.train", path, ranks=ranks):
            listen(event)
    with files.open_read(result) as stream:
        return TrainingResult.model_validate_json(stream.read())


def _read_row(lake: Lake, path: str) -> dict[str, Any]:
    row: dict[str, Any] = read_table(lake.absolute(path)).to_pylist()[0]
    return row


def _row(
    lake: Lake,
    training_id: str,
    name: str,
    tokens: TokenSet,
    spec: TrainingSpec,
    result: TrainingResult,
    weights: str,
) -> dict[str, Any]:
    config = {"model": spec.model.model_dump(), "train": spec.train.model_dump()}
    found = result.model_dump(exclude={"steps", "weights"})
    return found | {
        "training_id": training_id,
        "name": name,
        "tokens_fingerprint": tokens.fingerprint,
        "corpus_fingerprint": tokens.corpus_fingerprint,
        "tokenizer_sha256": tokens.tokenizer_sha256,
        "recipe_run": _corpus_run(lake, tokens.corpus_fingerprint),
        "config": json.dumps(config, sort_keys=True),
        "unique_tokens": tokens.train.unique.tokens,
        "epochs": result.train_tokens / max(tokens.train.total.tokens, 1),
        "flops": training_flops(spec.model, result.train_tokens),
        "learning_rate": spec.train.learning_rate,
        "warmup_frac": spec.train.warmup_frac,
        "seed": spec.train.seed,
        "tokens_per_second": result.train_tokens / max(result.wall_seconds, 1e-9),
        "checkpoint": weights,
        "finished_at": datetime.now(UTC),
    }


def _corpus_run(lake: Lake, corpus_fingerprint: str) -> str | None:
    """The newest run that lists a corpus."""
    runs = [row for row in lake.rows("runs") if any(s["fingerprint"] == corpus_fingerprint for s in row["steps"])]
    newest = max(runs, key=lambda row: (row["started_at"], row["run_id"]), default=None)
    return str(newest["run_id"]) if newest else None
