"""A ladder of small models to a scaling law: every rung a task, cheapest first; then the fit.

A rung that is done is known by its fingerprint and not trained again; the same command after a kill does only
the rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from prefect import flow
from pydantic import Field

from flows.artifacts import publish_report_link
from flows.events import announce
from flows.figure_artifacts import publish_figure
from flows.fit_records import UNIT, read_fit_records
from flows.progress import progress, tell
from flows.report.scaling import loss_by_compute
from flows.run_rows import run_row, training_step
from flows.settings import settings
from flows.steps import find_step
from flows.training_task import read_token_set, train_once
from flows.work import gather, phase, publish_markdown, publish_table, threads, unit_of_work
from model.config import Device, ModelConfig, TrainConfig
from model.memory import ParameterCount, count_parameters
from model.scaling.analysis import Analysis, analyse
from model.scaling.design import PRIOR
from model.scaling.ladder import LadderConfig, Rung, rungs, with_rate
from model.scaling.points import Points, make_points
from model.scaling.rate_check import RateCheck, beyond, check_rate, corrected, swept
from model.scaling.record import analysis_to_record, chosen_fit, fit_to_record
from model.scaling.surface import Surface
from model.token_set import TokenSet
from storage import files, schema
from storage.errors import Fatal, ShardFailed, UserError
from storage.lake import Lake, fingerprint
from storage.schema import Section
from storage.shards import write_table

VERSION = 2
"""Raised when fits come out differently; part of every evaluation's id."""

COUNTS: dict[str, Callable[[ParameterCount, ModelConfig], int]] = {
    "total": lambda count, model: count.total,
    "non_embedding": lambda count, model: count.blocks,
    "blocks_and_head": lambda count, model: count.blocks + model.vocab_size * model.d_model,
}
"""How N may be counted: see `model.scaling.table.CONVENTIONS`; a tied head counts where it is multiplied."""

SWEEPS = 3
"""Times the sweep of rates goes on where the best one is at its edge."""


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
        rows = phase("ladder", pool, lambda: climb(request, ladder, tokens.key, directory))
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
            stem_dir=stem_dir(rung, tokens_dir) if request.config.branches else "",
        )
    except UserError:
        raise
    except Fatal as error:
        raise ShardFailed(error.message, error.hint) from error


def stem_dir(rung: Rung, tokens_dir: str) -> str:
    """Where the runs of a size leave what they share, relative to the lake; removed with the ladder's end."""
    return f"checkpoints/stems/{fingerprint(tokens_dir, rung.model, rung.train.seed, rung.learning_rate)}"


def remove_stems(lake: Lake, ladder: Sequence[Rung], tokens_dir: str) -> None:
    """Remove what the runs of a ladder shared."""
    for directory in {stem_dir(rung, tokens_dir) for rung in ladder}:
        for path in files.list_files(lake.absolute(directory)):
            files.remove(path)


def climb(
    request: ScalingRequest, ladder: Sequence[Rung], name: str, tokens_dir: str, what: str = "ladder"
) -> list[dict[str, Any]]:
    """The trainings of the rungs that could be trained, cheapest first; to be called within a flow."""
    return list(train_all(request, ladder, name, tokens_dir, what).values())


def train_all(
    request: ScalingRequest, ladder: Sequence[Rung], name: str, tokens_dir: str, what: str
) -> dict[str, dict[str, Any]]:
    """The same by the rung's name."""
    labels = {f"{name}/{what}/{rung.name}": rung for rung in ladder}
    with progress(what, len(ladder)) as shown:
        results, failures = gather(
            labels, lambda label: rung_task.submit(label, request, labels[label], tokens_dir), shown
        )
    for label, error in failures.items():
        tell(f"rung {label} failed and is left out: {error}")
    return {labels[label].name: row for label, row in results.items()}


def tune(request: ScalingRequest, vocabulary: int, name: str, tokens_dir: str) -> ScalingRequest:
    """The request with its rule for the rate checked, and corrected where a sweep finds it off."""
    config = request.config
    ends = swept(config, rungs(config, vocabulary, request.model, request.train))
    losses: dict[Rung, dict[float, float]] = {rung: {} for rung in ends}
    wanted = {rung: sorted({1.0, *config.rate_factors}) for rung in ends}
    for _ in range(SWEEPS):
        runs = {with_rate(rung, factor): (rung, factor) for rung, factors in wanted.items() for factor in factors}
        rows = train_all(request, list(runs), name, tokens_dir, "sweep")
        for run, (rung, factor) in runs.items():
            if run.name in rows:
                losses[rung][factor] = rows[run.name]["eval_bits_per_byte"]
        wanted = {rung: beyond(tried) for rung, tried in losses.items() if beyond(tried)}
        if not wanted:
            break
    checks = [check_rate(rung, tried) for rung, tried in losses.items() if 1.0 in tried]
    publish_table("rate-check", [asdict(check) for check in checks], "Loss by multiple of the rule's learning rate")
    for check in checks:
        tell(rate_line(check))
    return request.model_copy(update={"config": corrected(config, checks)}) if checks else request


def rate_line(check: RateCheck) -> str:
    """A sweep in one line, for the terminal."""
    verdict = "the rule holds" if check.holds else "the rule is corrected"
    beyond = ", or beyond" if check.edge else ""
    return f"rate of {check.params:,} parameters: best {check.best:.2f} times the rule's{beyond}; {verdict}"


def expected_surface(lake: Lake) -> Surface:
    """Where a new ladder looks for its optimum: the newest fit of the lake, or small models' usual one."""
    records = read_fit_records(lake)
    fitted = chosen_fit(records["total"]).surface if records else PRIOR
    return fitted if fitted.A > 0 and fitted.B > 0 else PRIOR


def points_of(rows: Sequence[dict[str, Any]], count: str, sequence_length: int) -> Points:
    """Trainings as points, N counted as `count` says. Seeds of one rung are runs of their own.

    The compute given beside 6 N D is what is multiplied: blocks and head, and the attention over the sequence.
    """
    models = [ModelConfig.model_validate(json.loads(row["config"])["model"]) for row in rows]
    return make_points(
        params=[COUNTS[count](count_parameters(model), model) for model in models],
        tokens=[row["train_tokens"] for row in rows],
        loss=[row["eval_bits_per_byte"] for row in rows],
        run=[row["training_id"] for row in rows],
        flops_given=[
            multiplied_flops(model, sequence_length) * row["train_tokens"]
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


def multiplied_flops(model: ModelConfig, sequence_length: int) -> float:
    """FLOP a token of training: six times blocks and head, and attention's scores and sums.

    A causal position looks back at half the sequence on average: 2 x 2 x d_model x T / 2 forward and layer, three
    times that with the backward pass. Source: Kaplan et al. 2020, table 1; Hoffmann et al. 2022, appendix F.
    """
    matrices = 6.0 * (count_parameters(model).blocks + model.vocab_size * model.d_model)
    return matrices + 6.0 * model.n_layers * model.d_model * sequence_length


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
