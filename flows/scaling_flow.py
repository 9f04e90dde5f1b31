"""A ladder of small models to a scaling law: every rung a task, cheapest first; then the fit.

A rung that is done is known by its fingerprint and not trained again; the same command after a kill does only
the rest.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from prefect import flow
from pydantic import Field

from flows.progress import progress, tell
from flows.run_rows import run_row, training_step
from flows.settings import settings
from flows.steps import find_step
from flows.training_task import read_token_set, train_once
from flows.work import gather, phase, publish_markdown, publish_table, threads, unit_of_work
from model.config import Device, ModelConfig, TrainConfig
from model.scaling.fit import Fit, fit_scaling
from model.scaling.ladder import LadderConfig, Rung, rungs
from model.scaling.points import Points, make_points
from model.scaling.record import fit_to_record
from storage import files, schema
from storage.errors import Fatal, ShardFailed, UserError
from storage.lake import Lake, fingerprint
from storage.schema import Section
from storage.shards import read_table, write_table

VERSION = 1
"""Raised when fits come out differently; part of every evaluation's id."""

COUNTS = {"total": "params_total", "non_embedding": "params_non_embedding"}
"""How N may be counted, and the column of `TRAININGS` that holds it."""

UNIT = "bits a byte"
"""Of the losses fitted: held-out text, the same for every rung, whatever the tokenizer."""


class ScalingRequest(Section):
    """What a ladder needs to know; Prefect shows it as a form."""

    name: str | None = Field(None, description="token set to train on; null for the newest")
    config: LadderConfig = LadderConfig()
    model: ModelConfig = Field(ModelConfig(), description="what the ladder's sizes do not say")
    train: TrainConfig = Field(TrainConfig(), description="what the ladder's rules do not set")
    lake: str = Field(default_factory=lambda: settings().lake, description="directory or URL prefix of the lake")
    workers: int = Field(default_factory=lambda: settings().workers, ge=1, description="rungs side by side")
    device: Device = "auto"


@flow(name="scaling", flow_run_name="scaling-{request.name}")
def scaling_flow(request: ScalingRequest) -> dict[str, Fit]:
    """Train the ladder's rungs that are missing and fit their losses; fits by how N is counted.

    Without enough rungs there is no fit: the reason is told, and the runs are in the lake all the same.
    """
    lake = Lake(request.lake)
    lake.check_writable()
    tokens = find_step(lake, "tokens", request.name, "Make tokens first: `winnow tokens`.")
    directory = lake.tokens_dir(tokens.key, tokens.fingerprint)
    vocabulary = read_token_set(lake, directory).vocab_size
    ladder = rungs(request.config, vocabulary, request.model, request.train)
    with run_row(lake, "scaling", tokens.key, request, tokens.fingerprint) as made:
        rows = phase("ladder", threads(request.workers), lambda: climb(request, ladder, tokens.key, directory))
        made.extend(map(training_step, rows))
    publish_table("ladder", [shown_row(row) for row in rows], "Every rung, cheapest first")
    try:
        fits = fit_rows(rows, request.config.draws)
    except UserError as error:
        tell(f"no scaling law: {error}")
        return {}
    write_fits(lake, tokens.key, rows, fits, request.config.draws)
    publish_table("scaling-fit", constant_rows(fits), "L(N, D) = E + A / N^alpha + B / D^beta")
    publish_markdown("scaling", fits_markdown(fits))
    for name, fit in fits.items():
        tell(fit_line(name, fit))
    return fits


@unit_of_work("rung")
def rung_task(label: str, request: ScalingRequest, rung: Rung, tokens_dir: str) -> dict[str, Any]:
    """One training, in a child process. One that fails leaves the others to go on."""
    try:
        return train_once(
            Lake(request.lake),
            label,
            tokens_dir,
            rung.model,
            rung.train,
            threads=request.config.threads,
            device=request.device,
        )
    except UserError:
        raise
    except Fatal as error:
        raise ShardFailed(error.message, error.hint) from error


def climb(request: ScalingRequest, ladder: Sequence[Rung], name: str, tokens_dir: str) -> list[dict[str, Any]]:
    """The trainings of the rungs that could be trained, cheapest first; to be called within a flow."""
    labels = {f"{name}/ladder/{rung.name}": rung for rung in ladder}
    with progress("ladder", len(ladder)) as shown:
        futures = {label: rung_task.submit(label, request, rung, tokens_dir) for label, rung in labels.items()}
        results, failures = gather(futures, shown)
    for label, error in failures.items():
        tell(f"rung {label} failed and is left out: {error}")
    return list(results.values())


def points_of(rows: Sequence[dict[str, Any]], count: str) -> Points:
    """Trainings as points, N counted as `count` says. Seeds of one rung are runs of their own."""
    return make_points(
        params=[row[COUNTS[count]] for row in rows],
        tokens=[row["train_tokens"] for row in rows],
        loss=[row["eval_bits_per_byte"] for row in rows],
        run=[row["training_id"] for row in rows],
    )


def fit_rows(rows: Sequence[dict[str, Any]], draws: int) -> dict[str, Fit]:
    """A fit for each way to count N.

    Raises:
        UserError: Too few trainings.
    """
    return {count: fit_scaling(points_of(rows, count), draws) for count in COUNTS}


def write_fits(lake: Lake, name: str, rows: Sequence[dict[str, Any]], fits: dict[str, Fit], draws: int) -> str:
    """Write the fits as one file of `EVALUATIONS`, unless it is there; its path."""
    evaluation_id = fingerprint("scaling", VERSION, name, draws, sorted(row["training_id"] for row in rows))
    path = lake.evaluation_path(evaluation_id)
    if files.exists(lake.absolute(path)):
        return path
    finished = datetime.now(UTC)
    same = {"evaluation_id": evaluation_id, "kind": "scaling", "name": name, "finished_at": finished}
    found = [{**same, **row} for count, fit in fits.items() for row in evaluation_rows(count, fit)]
    write_table(lake.root, path, "evaluations", pa.Table.from_pylist(found, schema.EVALUATIONS))
    return path


def evaluation_rows(count: str, fit: Fit) -> list[dict[str, Any]]:
    """A fit's constants, one row each, and a row `fit` that holds all of it as JSON."""
    record = fit_to_record(fit)
    units = {"E": UNIT}
    constants = [
        {"part": count, "metric": name, "unit": units.get(name, ""), **estimate}
        for name, estimate in record["constants"].items()
    ]
    whole = {"part": count, "metric": "fit", "value": fit.objective, "unit": "Huber loss of log loss"}
    return [*constants, {**whole, "details": json.dumps(record)}]


def read_fit_records(lake: Lake) -> dict[str, dict[str, Any]]:
    """The newest ladder's fits as `fit_to_record` wrote them, by how N is counted; empty without one."""
    rows = [
        row
        for uri in lake.files_of("evaluations")
        for row in read_table(uri).to_pylist()
        if row["kind"] == "scaling" and row["metric"] == "fit"
    ]
    newest = max(((row["finished_at"], row["evaluation_id"]) for row in rows), default=None)
    return {
        row["part"]: json.loads(row["details"]) | {"name": row["name"], "unit": UNIT}
        for row in rows
        if (row["finished_at"], row["evaluation_id"]) == newest
    }


def shown_row(row: dict[str, Any]) -> dict[str, Any]:
    """What an artifact shows of a rung."""
    columns = ("name", "params_total", "params_non_embedding", "train_tokens", "flops", "learning_rate")
    return {name: row[name] for name in (*columns, "eval_loss", "eval_bits_per_byte", "wall_seconds")}


def constant_rows(fits: dict[str, Fit]) -> list[dict[str, Any]]:
    """Every constant of every fit with its interval."""
    return [
        {"N": count, "constant": name, **estimate}
        for count, fit in fits.items()
        for name, estimate in fit_to_record(fit)["constants"].items()
    ]


def fit_line(count: str, fit: Fit) -> str:
    """A fit in one line, for the terminal."""
    surface, exponent = fit.surface, fit.interval(lambda found: found.params_exponent)
    return (
        f"N {count.replace('_', ' ')}: L = {surface.E:.3g} + {surface.A:.3g}/N^{surface.alpha:.3f} + "
        f"{surface.B:.3g}/D^{surface.beta:.3f} {UNIT}; N_opt ~ C^{exponent.value:.2f} "
        f"({exponent.low:.2f} to {exponent.high:.2f}); off by {fit.log_rms:.2%} rms"
    )


def fits_markdown(fits: dict[str, Fit]) -> str:
    """The fits, their doubts, and every run beside its prediction."""
    lines = [f"- {fit_line(count, fit)}" for count, fit in fits.items()]
    doubts = [f"- N {count}: {warning}" for count, fit in fits.items() for warning in fit.warnings]
    fit = fits["total"]
    points = fit.points
    predicted = fit.surface.predict(points.params, points.tokens)
    runs = [
        f"| {params:,.0f} | {tokens:,.0f} | {flops:.2e} | {loss:.3f} | {guess:.3f} |"
        for params, tokens, flops, loss, guess in zip(
            points.params, points.tokens, points.flops, points.loss, predicted, strict=True
        )
    ]
    head = ["| N | D | C = 6ND | measured, bits a byte | fitted |", "|---:|---:|---:|---:|---:|"]
    return "\n".join([*lines, "", "What these runs cannot tell:", *doubts, "", *head, *runs])
