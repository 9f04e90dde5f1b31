"""Packed tokens to a trained model: one training, which is one Prefect task."""

from __future__ import annotations

import json
from typing import Any, cast

from prefect import flow
from pydantic import Field

from flows.artifacts import publish_report_link
from flows.events import announce
from flows.figure_artifacts import publish_figure
from flows.live import LiveTraining
from flows.progress import progress, tell
from flows.report.learning import training_curve
from flows.run_rows import run_row, training_step
from flows.settings import settings
from flows.steps import find_step
from flows.training_task import read_token_set, train_once
from flows.work import publish_markdown, publish_table, unit_of_work
from model.config import Device, ModelConfig, TrainConfig, count_steps
from model.rules import settle
from storage.lake import Lake
from storage.schema import Section

_TOLD = ("training_id", "params_total", "train_tokens", "eval_loss", "eval_bits_per_byte", "wall_seconds")
"""Of a training's row, what its event carries."""


class PretrainRequest(Section):
    """What a training run needs to know; Prefect shows it as a form."""

    name: str | None = Field(None, description="token set to train on; null for the newest")
    run_name: str | None = Field(None, description="name of the training; by default the token set's")
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    lake: str = Field(default_factory=lambda: settings().lake, description="directory or URL prefix of the lake")
    threads: int = Field(0, ge=0, description="CPU threads; 0 for every core")
    device: Device = "auto"
    ranks: int = Field(1, ge=1, description="processes that share every batch, each on a GPU of its own (or the CPU)")


@flow(name="pretrain", flow_run_name="pretrain")
def pretrain_flow(request: PretrainRequest) -> dict[str, Any]:
    """Train a model on a token set; its `TRAININGS` row."""
    lake = Lake(request.lake)
    lake.check_writable()
    tokens = find_step(lake, "tokens", request.name, "Make tokens first: `winnow tokens`.")
    directory = lake.tokens_dir(tokens.key, tokens.fingerprint)
    name = request.run_name or tokens.key
    with run_row(lake, "pretrain", name, request, tokens.fingerprint) as made:
        row = cast(dict[str, Any], train_task(name, request, directory))
        made.append(training_step(row))
    publish_table("training-losses", row["curve"], "Loss in nats a token")
    publish_figure(training_curve(row))
    publish_markdown("training", training_markdown(row))
    publish_report_link(lake)
    announce("training.done", row["name"], {name: row[name] for name in _TOLD} | {"sentence": training_line(row)})
    tell(training_line(row))
    return row


@unit_of_work("train")
def train_task(label: str, request: PretrainRequest, tokens_dir: str) -> dict[str, Any]:
    """One training, in a child process of this one."""
    lake = Lake(request.lake)
    tokens = read_token_set(lake, tokens_dir)
    model = request.model.model_copy(update={"vocab_size": tokens.vocab_size})
    steps = count_steps(settle(request.train, model), tokens.sequence_length)
    with progress("pretrain", steps) as shown:
        return train_once(
            lake,
            label,
            tokens_dir,
            request.model,
            request.train,
            threads=request.threads,
            device=request.device,
            ranks=request.ranks,
            listen=LiveTraining(label, shown),
        )


def training_line(row: dict[str, Any]) -> str:
    """A training in one line, for the terminal; bits a byte of what gives a likelihood of a text."""
    reads_on = json.loads(row["config"])["model"].get("causal", True)
    price = f", {row['eval_bits_per_byte']:.3f} bits a byte" if reads_on else " of the tokens it was asked for"
    return (
        f"{row['name']}: {row['params_total']:,} parameters, {row['train_tokens']:,} tokens in "
        f"{row['wall_seconds']:.0f} s; held-out loss {row['eval_loss']:.3f} nats a token{price}{_utilisation(row)}"
    )


def _utilisation(row: dict[str, Any]) -> str:
    return f"; MFU {row['mfu']:.1%} of the rate measured on {row['device']}" if row["mfu"] is not None else ""


def training_markdown(row: dict[str, Any]) -> str:
    """A training's row as a two-column table."""
    shown = [(key, value) for key, value in row.items() if key not in ("curve", "config", "mfu_convention")]
    lines = [f"| {key} | {value} |" for key, value in shown]
    return "\n".join(["| what | value |", "|---|---|", *lines])
