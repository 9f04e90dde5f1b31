"""A ladder of small models to a scaling law: every rung a task, cheapest first; then the fit.

A rung that is done is known by its fingerprint and not trained again; the same command after a kill does only
the rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from prefect import flow
from pydantic import Field

from flows.artifacts import publish_report_link
from flows.events import announce
from flows.figure_artifacts import publish_figure
from flows.fit_records import UNIT, read_fit_records
from flows.ladder_training import LadderRequest, remove_stems, train_all, tune
from flows.progress import tell
from flows.report.scaling import loss_by_compute
from flows.run_rows import run_row, training_step
from flows.rungs import LADDER
from flows.steps import find_step
from flows.training_task import read_token_set
from flows.work import phase, publish_markdown, publish_table, threads
from model.config import ModelConfig
from model.flops import exact_flops_per_token
from model.memory import ParameterCount, count_parameters
from model.scaling.analysis import Analysis, analyse
from model.scaling.design import PRIOR
from model.scaling.ladder import rungs
from model.scaling.points import Points, make_points
from model.scaling.record import analysis_to_record, chosen_fit, fit_to_record
from model.scaling.surface import Surface
from model.token_set import TokenSet
from storage import files, schema
from storage.errors import UserError
from storage.lake import Lake, fingerprint
from storage.shards import write_table

VERSION = 3
"""Raised when fits come out differently; part of every evaluation's id."""

COUNTS: dict[str, Callable[[ParameterCount, ModelConfig], int]] = {
    "total": lambda count, model: count.total,
    "non_embedding": lambda count, model: count.blocks,
    "blocks_and_head": lambda count, model: count.blocks + model.vocab_size * model.d_model,
}
"""How N may be counted: see `model.scaling.table.CONVENTIONS`; a tied head counts where it is multiplied."""


class ScalingRequest(LadderRequest):
    """What a scaling law needs to know; Prefect shows it as a form."""

    name: str | None = Field(None, description="token set to train on; null for the newest")


@flow(name="scaling", flow_run_name="scaling-{request.name}")
def scaling_flow(request: ScalingRequest) -> dict[str, Analysis]:
    """Train the ladder's rungs that are missing and fit their losses; fits by how N is counted.

    Without enough rungs there is no fit: the reason is told, and the runs are in the lake all the same.
    """
    lake = Lake(request.lake)
    lake.check_writable()
    tokens = find_step(lake, "tokens", request.name, "Make tokens first: `winnow tokens`.")
    directory = lake.tokens_dir(tokens.key, tokens.fingerprint)
    vocabulary = read_token_set(lake, directory).vocab_size
    pool = threads(request.workers)
    if request.config.rate_factors:
        request = phase("sweep", pool, lambda: tune(request, vocabulary, tokens.key, directory))
    ladder = rungs(request.config, vocabulary, request.model, request.train)
    with run_row(lake, "scaling", tokens.key, request, tokens.fingerprint) as made:
        rows = phase("ladder", pool, lambda: list(train_all(request, ladder, tokens.key, directory, LADDER).values()))
        made.extend(map(training_step, rows))
    if len(rows) == len(ladder):
        remove_stems(lake, ladder, directory)
    publish_table("ladder", [shown_row(row) for row in rows], "Every rung, cheapest first")
    try:
        fits = fit_rows(rows, request.config.draws, read_token_set(lake, directory).sequence_length)
    except UserError as error:
        tell(f"no scaling law: {error}")
        return {}
    write_fits(lake, tokens.key, rows, fits, request.config.draws)
    publish_table("scaling-fit", constant_rows(fits), "L(N, D) = E + A / N^alpha + B / D^beta")
    publish_figure(loss_by_compute(fits["total"].chosen, UNIT))
    publish_markdown("scaling", fits_markdown(fits))
    publish_report_link(lake)
    announce("scaling.done", tokens.key, {"runs": len(rows), "sentence": fit_line("total", fits["total"])})
    for name, fit in fits.items():
        tell(fit_line(name, fit))
    return fits


def expected_surface(lake: Lake) -> Surface:
    """Where a new ladder looks for its optimum: the newest fit of the lake, or small models' usual one."""
    records = read_fit_records(lake)
    fitted = chosen_fit(records["total"]).surface if records else PRIOR
    return fitted if fitted.A > 0 and fitted.B > 0 else PRIOR


def points_of(rows: Sequence[dict[str, Any]], count: str, sequence_length: int) -> Points:
    """Trainings as points, N counted as `count` says. Seeds of one rung are runs of their own.

    The compute given beside 6 N D is what is multiplied: blocks' matrices and head, and the attention of each position
    to those before it (Kaplan et al. 2020, table 1).
    """
    models = [ModelConfig.model_validate(json.loads(row["config"])["model"]) for row in rows]
    return make_points(
        params=[COUNTS[count](count_parameters(model), model) for model in models],
        tokens=[row["train_tokens"] for row in rows],
        loss=[row["eval_bits_per_byte"] for row in rows],
        run=[row["training_id"] for row in rows],
        flops_given=[
            exact_flops_per_token(model, sequence_length) * row["train_tokens"]
            for model, row in zip(models, rows, strict=True)
        ],
        unique=[row["unique_tokens"] for row in rows],
    )


def fit_rows(rows: Sequence[dict[str, Any]], draws: int, sequence_length: int) -> dict[str, Analysis]:
    """An analysis for each way to count N.

    Raises:
        UserError: Too few trainings.
    """
    return {count: analyse(points_of(rows, count, sequence_length), draws) for count in COUNTS}


def unique_tokens(lake: Lake) -> float:
    """Distinct training tokens of the newest token set; 0 without one."""
    try:
        step = find_step(lake, "tokens", None, "")
    except UserError:
        return 0.0
    return float(TokenSet.model_validate(step.summary).train.unique.tokens)


def write_fits(lake: Lake, name: str, rows: Sequence[dict[str, Any]], fits: dict[str, Analysis], draws: int) -> str:
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


def evaluation_rows(count: str, found: Analysis) -> list[dict[str, Any]]:
    """The chosen fit's constants, one row each, and a row `fit` that holds all of the analysis as JSON."""
    record = analysis_to_record(found)
    units = {"E": UNIT}
    constants = [
        {"part": count, "metric": name, "unit": units.get(name, ""), **estimate}
        for name, estimate in fit_to_record(found.chosen)["constants"].items()
    ]
    objective = found.chosen.objective
    whole = {"part": count, "metric": "fit", "value": objective, "unit": "Huber loss of log loss"}
    return [*constants, {**whole, "details": json.dumps(record)}]


def shown_row(row: dict[str, Any]) -> dict[str, Any]:
    """What an artifact shows of a rung."""
    columns = ("name", "params_total", "params_non_embedding", "train_tokens", "flops", "learning_rate")
    return {name: row[name] for name in (*columns, "eval_loss", "eval_bits_per_byte", "wall_seconds")}


def constant_rows(fits: dict[str, Analysis]) -> list[dict[str, Any]]:
    """Every constant of every chosen fit with its interval."""
    return [
        {"N": count, "constant": name, **estimate}
        for count, found in fits.items()
        for name, estimate in fit_to_record(found.chosen)["constants"].items()
    ]


def fit_line(count: str, found: Analysis) -> str:
    """An analysis in one line, for the terminal."""
    fit = found.chosen
    surface, exponent = fit.surface, fit.interval(lambda found: found.params_exponent)
    return (
        f"N {count.replace('_', ' ')}: L = {surface.E:.3g} + {surface.A:.3g}/N^{surface.alpha:.3f} + "
        f"{surface.B:.3g}/D^{surface.beta:.3f} {UNIT}; N_opt ~ C^{exponent.value:.2f} "
        f"({exponent.low:.2f} to {exponent.high:.2f}); off by {fit.log_rms:.2%} rms"
    )


def fits_markdown(fits: dict[str, Analysis]) -> str:
    """The fits, their doubts, and every run beside its prediction."""
    lines = [f"- {fit_line(count, found)} {found.reason}" for count, found in fits.items()]
    doubts = [f"- N {count}: {warning}" for count, found in fits.items() for warning in found.warnings]
    fit = fits["total"].chosen
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
