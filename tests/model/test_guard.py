"""Harmful steps: left out, gone back from, told of; and training goes on to the same place after a kill."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from model import train as training
from model.config import TrainConfig
from model.data import Batch
from model.guard import judge
from model.snapshots import Progress
from storage.errors import Fatal

from .conftest import SHORT
from .test_train import Killed, losses_of, spec_of

CALM = [3.0 + 0.01 * (i % 5) for i in range(64)]
CONFIG = TrainConfig()


@pytest.mark.parametrize(
    ("loss", "norm", "taken", "skipped", "verdict"),
    [
        (3.1, 1.0, CALM, 0, "take"),
        (2.0, 1.0, CALM, 4, "take"),  # better is never harm
        (3.4, 1.0, CALM, 0, "take"),  # 2 % of the mean is the least deviation: the limit is 3.44
        (3.5, 1.0, CALM, 0, "skip"),
        (3.5, 1.0, CALM, 4, "roll back"),
        (9.0, 1.0, CALM[:63], 0, "take"),  # too few to know
        (math.nan, 1.0, [], 0, "skip"),
        (math.inf, 1.0, [], 4, "roll back"),
        (3.0, math.nan, CALM, 0, "skip"),
        (5.0, 1.0, [2.0, 4.0] * 32, 0, "take"),  # where losses jump anyway
    ],
)
def test_what_is_done_with_a_step(loss: float, norm: float, taken: list[float], skipped: int, verdict: str) -> None:
    found, why = judge(loss, norm, taken, skipped, CONFIG)
    assert found == verdict and bool(why) == (verdict != "take")


def poison(patch: pytest.MonkeyPatch, positions: set[int], kill_at: int | None = None) -> None:
    """Batches from these positions have a loss that is no number; the process may die at a later step."""
    real = training._Training._gradient

    def gradient(self: training._Training, batch: Batch) -> tuple[float, float]:
        if kill_at is not None and self.progress.position == kill_at:
            self.writer.wait()
            raise Killed
        loss, norm = real(self, batch)
        return (math.nan, norm) if batch.position in positions else (loss, norm)

    patch.setattr(training._Training, "_gradient", gradient)


def test_one_bad_batch_is_left_out(tokens_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[torch.Tensor] = []
    real = training._Training._step

    def watch(self: training._Training, batch: Batch) -> Any:
        before = self.model.head.weight.detach().clone()
        verdict = real(self, batch)
        if batch.position == 5 * 8:
            kept.extend([before, self.model.head.weight.detach().clone()])
        return verdict

    poison(monkeypatch, {5 * 8})
    monkeypatch.setattr(training._Training, "_step", watch)
    result = training.train(spec_of(tokens_dir, tmp_path / "out"))
    assert torch.equal(*kept)
    assert result.events == ("step 6 is left out: its loss is nan.",)
    assert [point.step for point in result.curve] == [1, 2, 3, 4, 5, *range(7, 13)]
    assert math.isfinite(result.train_loss) and result.steps == 12


@pytest.mark.parametrize("killed_at", [None, 8 * 7, 8 * 10])
def test_many_bad_batches_send_it_back_and_on_with_others(
    tokens_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int | None
) -> None:
    config = SHORT.model_copy(update={"patience_steps": 2})  # checkpoints at steps 4 and 8
    spec = spec_of(tokens_dir, tmp_path / "out", train=config)
    bad = {8 * 5, 8 * 6}  # steps 6 and 7
    if killed_at is not None:
        with monkeypatch.context() as patch:
            poison(patch, bad, killed_at)
            with pytest.raises(Killed):
                training.train(spec)
    with monkeypatch.context() as patch:
        poison(patch, bad)
        result = training.train(spec)
        training.train(spec.model_copy(update={"out_dir": str(tmp_path / "whole")}))
    assert result.events == (
        "step 6 is left out: its loss is nan.",
        "step 7 is left out: its loss is nan.",
        "going back from step 7 to step 4, on with other batches.",
    )
    assert len(result.curve) == result.steps == 12
    assert losses_of(tmp_path / "out") == losses_of(tmp_path / "whole")
    whole = json.loads((tmp_path / "whole" / "result.json").read_text())
    assert result.batches_digest == whole["batches_digest"]


def test_a_training_that_is_bad_from_the_beginning_gives_up(tokens_dir: Path, tmp_path: Path) -> None:
    wild = SHORT.model_copy(update={"learning_rate": 1e30, "warmup_frac": 0.0, "patience_steps": 1})
    with pytest.raises(Fatal, match=r"went back 3 times.*learning_rate"):
        training.train(spec_of(tokens_dir, tmp_path / "out", train=wild))


def test_progress_begins_at_nothing() -> None:
    assert (Progress().step, Progress().position, Progress().losses) == (0, 0, [])


def test_a_real_spike_trips_and_nothing_else(tokens_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text of another kind comes as one batch: its loss and gradient are the model's own, nothing is made up."""
    bad, real = 8 * 80, training._Training._gradient

    def gradient(self: training._Training, batch: Batch) -> tuple[float, float]:
        if batch.position == bad:
            noise = torch.randint(2, 64, batch.tokens.shape, generator=torch.Generator().manual_seed(1))
            batch = replace(batch, tokens=noise)
        return real(self, batch)

    monkeypatch.setattr(training._Training, "_gradient", gradient)
    steps = SHORT.model_copy(update={"train_tokens": 16 * 8 * 100})
    result = training.train(spec_of(tokens_dir, tmp_path / "out", train=steps))
    [event] = result.events
    assert event.startswith("step 81 is left out: its loss of") and "is a spike" in event
    assert abs(result.curve[81].loss - result.curve[79].loss) < 0.1  # the step after it goes on from before
