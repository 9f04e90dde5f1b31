"""Rungs of a ladder trained side by side, and its rule for the learning rate checked, for whatever asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from pydantic import Field

from flows.progress import progress, tell
from flows.rungs import SWEEP, rung_label
from flows.settings import settings
from flows.training_task import train_once
from flows.work import gather, publish_table, unit_of_work
from model.config import Device, ModelConfig, TrainConfig
from model.scaling.ladder import LadderConfig, Rung, rungs, with_rate
from model.scaling.rate_check import RateCheck, beyond, check_rate, corrected, swept
from storage import files
from storage.errors import Fatal, ShardFailed, UserError
from storage.lake import Lake, fingerprint
from storage.schema import Section

SWEEPS = 3
"""Times the sweep of rates goes on where the best one is at its edge."""


class LadderRequest(Section):
    """How a ladder is trained, on whichever tokens and for whatever it is."""

    config: LadderConfig = LadderConfig()
    model: ModelConfig = Field(ModelConfig(), description="what the ladder's sizes do not say")
    train: TrainConfig = Field(TrainConfig(), description="what the ladder's rules do not set")
    lake: str = Field(default_factory=lambda: settings().lake, description="directory or URL prefix of the lake")
    workers: int = Field(default_factory=lambda: settings().workers, ge=1, description="rungs side by side")
    device: Device = "auto"


AnyRequest = TypeVar("AnyRequest", bound=LadderRequest)


@unit_of_work("rung")
def rung_task(label: str, request: LadderRequest, rung: Rung, tokens_dir: str) -> dict[str, Any]:
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


def train_all(
    request: LadderRequest, ladder: Sequence[Rung], name: str, tokens_dir: str, what: str
) -> dict[str, dict[str, Any]]:
    """The trainings of the rungs that could be trained, cheapest first, by their names; to be called within a flow."""
    labels = {rung_label(name, what, rung.name): rung for rung in ladder}
    with progress(what, len(ladder)) as shown:
        results, failures = gather(
            labels, lambda label: rung_task.submit(label, request, labels[label], tokens_dir), shown
        )
    for label, error in failures.items():
        tell(f"rung {label} failed and is left out: {error}")
    return {labels[label].name: row for label, row in results.items()}


def tune(request: AnyRequest, vocabulary: int, name: str, tokens_dir: str) -> AnyRequest:
    """The request with its rule for the rate checked, and corrected where a sweep finds it off."""
    config = request.config
    ends = swept(config, rungs(config, vocabulary, request.model, request.train))
    losses: dict[Rung, dict[float, float]] = {rung: {} for rung in ends}
    wanted = {rung: sorted({1.0, *config.rate_factors}) for rung in ends}
    for _ in range(SWEEPS):
        runs = {with_rate(rung, factor): (rung, factor) for rung, factors in wanted.items() for factor in factors}
        rows = train_all(request, list(runs), name, tokens_dir, SWEEP)
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
