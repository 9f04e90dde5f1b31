"""Trainings that share a stem: what is computed once, and that nothing of the result depends on it."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from model import train as training
from model.config import TrainConfig
from model.scaling.ladder import LadderConfig, Shape, rungs
from model.scaling.speed import fresh_fracs
from model.schedule import decay_start, learning_rate_at
from model.specs import TrainingSpec

from .conftest import SHORT, TINY

WARMUP_TOKENS = 512


def branch(tokens_dir: Path, out: Path, steps: int, stem: Path | None, **changes: Any) -> TrainingSpec:
    """A training of so many steps, whose warm-up is as long as every other's."""
    batch = SHORT.batch_tokens or 0
    own = {"schedule": "wsd", "train_tokens": steps * batch, "warmup_frac": WARMUP_TOKENS / (steps * batch)}
    train = SHORT.model_copy(update=own | {"decay_frac": 0.25, "beta2": 0.95} | changes)
    return TrainingSpec(
        tokens_dir=str(tokens_dir),
        out_dir=str(out),
        stem_dir=str(stem or ""),
        model=TINY,
        train=train,
        threads=1,
        device="cpu",
    )


def steps_taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Steps that are really computed, as they are."""
    step, taken = training._Training._step, []

    def counting(self: training._Training, batch: Any) -> Any:
        taken.append(self.progress.step)
        return step(self, batch)

    monkeypatch.setattr(training._Training, "_step", counting)
    return taken


def curve(out: Path) -> list[float]:
    return [point["loss"] for point in json.loads((out / "result.json").read_text())["curve"]]


def test_a_branch_is_to_the_bit_what_it_would_be_alone(
    tokens_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stem = tmp_path / "stem"
    for steps in (8, 16):
        training.train(branch(tokens_dir, tmp_path / f"alone{steps}", steps, None))
    taken = steps_taken(monkeypatch)
    training.train(branch(tokens_dir, tmp_path / "branch8", 8, stem))
    assert len(taken) == 8
    taken.clear()
    training.train(branch(tokens_dir, tmp_path / "branch16", 16, stem))
    assert taken == list(range(decay_start(8, branch(tokens_dir, tmp_path, 8, None).train), 16))
    for steps in (8, 16):
        alone, shared = tmp_path / f"alone{steps}", tmp_path / f"branch{steps}"
        assert curve(alone) == curve(shared)
        assert (alone / training.WEIGHTS).read_bytes() == (shared / training.WEIGHTS).read_bytes()


def test_a_shorter_run_after_a_longer_one_takes_nothing_from_beyond_its_decay(
    tokens_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stem = tmp_path / "stem"
    training.train(branch(tokens_dir, tmp_path / "long", 16, stem))
    taken = steps_taken(monkeypatch)
    training.train(branch(tokens_dir, tmp_path / "short", 8, stem))
    assert taken == list(range(8))


@pytest.mark.parametrize("changes", [{"seed": 3}, {"learning_rate": 1e-4}, {"weight_decay": 0.5}])
def test_the_stem_of_another_training_is_refused(tokens_dir: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    training.train(branch(tokens_dir, tmp_path / "one", 8, tmp_path / "stem"))
    with pytest.raises(training.UserError, match="another training"):
        training.train(branch(tokens_dir, tmp_path / "other", 16, tmp_path / "stem", **changes))


def test_rungs_of_a_size_have_one_stem_and_their_own_decay() -> None:
    shapes = tuple(Shape(d_model=width, n_layers=1, n_heads=1, n_kv_heads=1) for width in (16, 32))
    config = LadderConfig(sizes=shapes, train_tokens=(50_000, 150_000, 450_000), branches=True, max_flops=1e15)
    ladder = rungs(config, 512)
    for size in {rung.params for rung in ladder}:
        runs = sorted((rung for rung in ladder if rung.params == size), key=lambda rung: rung.tokens)
        assert len({(rung.learning_rate, rung.batch_tokens, rung.train.beta2) for rung in runs}) == 1
        rates = [[rate_at(rung.train, step, rung.steps(128)) for step in range(rung.steps(128))] for rung in runs]
        for shorter, longer in pairwise(rates):
            fork = decay_start(len(shorter), runs[0].train)
            assert shorter[: round(0.75 * len(shorter))] == longer[: round(0.75 * len(shorter))]
            assert shorter[-1] < longer[len(shorter) - 1] and fork
    fresh = fresh_fracs(ladder)
    assert sorted({round(value, 3) for value in fresh.values()}) == [round(1 - 0.8 / 3, 3), 1.0]


def rate_at(config: TrainConfig, step: int, steps: int) -> float:
    return learning_rate_at(step, steps, config)


def test_a_ladder_without_branches_shares_nothing() -> None:
    assert set(fresh_fracs(rungs(LadderConfig(), 4096)).values()) == {1.0}
