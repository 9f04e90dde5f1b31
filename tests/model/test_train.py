"""Training in this process: the schedule, resuming to the bit, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import train as training
from model.checkpoint import load_model
from model.config import TrainConfig, count_steps, step_tokens
from model.data import Batch, open_tokens, read_sequences
from model.parts import ObjectiveConfig
from model.schedule import learning_rate_at
from model.specs import TrainingSpec
from storage.errors import Fatal, UserError

from .conftest import SHORT, TINY, write_sequences


class Killed(BaseException):
    """What kill -9 looks like from inside: nothing gets to clean up."""


def spec_of(tokens_dir: Path, out: Path, **changes: object) -> TrainingSpec:
    spec = TrainingSpec(tokens_dir=str(tokens_dir), out_dir=str(out), model=TINY, train=SHORT, threads=1, device="cpu")
    return spec.model_copy(update=changes)


def losses_of(out: Path) -> list[float]:
    return [point["loss"] for point in json.loads((out / "result.json").read_text())["curve"]]


def test_loss_falls_and_the_result_adds_up(tokens_dir: Path, tmp_path: Path) -> None:
    result = training.train(spec_of(tokens_dir, tmp_path / "out"))
    losses = losses_of(tmp_path / "out")
    assert len(losses) == result.steps == 12
    assert result.train_tokens == 12 * result.batch_tokens == SHORT.train_tokens
    assert result.train_loss < losses[0] - 0.5 and result.eval_loss < losses[0] - 0.3
    assert result.eval_bits_per_byte == pytest.approx(result.eval_loss / np.log(2) / 3)
    assert {found.domain for found in result.eval_domains} == {"web", "code"}
    assert result.eval_loss == pytest.approx(np.mean([found.loss for found in result.eval_domains]))
    assert result.mfu and 0 < result.mfu < 0.75 and result.device_flops and result.events == ()
    assert result.memory_bytes > 1e6 and result.precision == "float32" and result.ranks == 1
    assert not list((tmp_path / "out").glob("step-*"))
    model = load_model(str(tmp_path / "out" / result.weights))
    assert model.config == TINY


@pytest.mark.parametrize("steps", [1, 4, 5, 11])
def test_killed_and_resumed_is_the_same_to_the_bit(
    tokens_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    training.train(spec_of(tokens_dir, tmp_path / "whole"))
    with monkeypatch.context() as patch:
        kill_after(patch, steps)
        with pytest.raises(Killed):
            training.train(spec_of(tokens_dir, tmp_path / "killed"))
    training.train(spec_of(tokens_dir, tmp_path / "killed"))
    assert losses_of(tmp_path / "killed") == losses_of(tmp_path / "whole")
    whole, killed = (tmp_path / name / training.WEIGHTS for name in ("whole", "killed"))
    assert whole.read_bytes() == killed.read_bytes()


def kill_after(patch: pytest.MonkeyPatch, steps: int) -> None:
    step, taken = training._Training._step, []

    def dying(self: training._Training, batch: Batch) -> Any:
        if len(taken) == steps:
            self.writer.wait()  # a thread that goes on writing would have died with the process
            raise Killed
        taken.append(step(self, batch))
        return taken[-1]

    patch.setattr(training._Training, "_step", dying)


def test_killed_between_two_parts_of_a_step_is_the_same_to_the_bit(
    tokens_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the seventh step, when three of its four parts have gone back."""
    parts = SHORT.model_copy(update={"micro_batch_tokens": 2 * 16})
    training.train(spec_of(tokens_dir, tmp_path / "whole", train=parts))
    later, done = training.gradients_later, []

    def dying(module: Any, more: bool) -> Any:
        done.append(more)
        if len(done) == 6 * 4 + 4:
            raise Killed
        return later(module, more)

    with monkeypatch.context() as patch:
        patch.setattr(training, "gradients_later", dying)
        with pytest.raises(Killed):
            training.train(spec_of(tokens_dir, tmp_path / "killed", train=parts))
    assert done[-4:] == [True, True, True, False]
    training.train(spec_of(tokens_dir, tmp_path / "killed", train=parts))
    assert losses_of(tmp_path / "killed") == losses_of(tmp_path / "whole")
    whole, killed = (tmp_path / name / training.WEIGHTS for name in ("whole", "killed"))
    assert whole.read_bytes() == killed.read_bytes()


def test_a_checkpoint_of_another_training_is_refused(
    tokens_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        kill_after(patch, 5)
        with pytest.raises(Killed):
            training.train(spec_of(tokens_dir, tmp_path / "out"))
    other = SHORT.model_copy(update={"seed": 7})
    with pytest.raises(UserError, match="another training"):
        training.train(spec_of(tokens_dir, tmp_path / "out", train=other))
    more_often = SHORT.model_copy(update={"checkpoint_steps": 1})
    training.train(spec_of(tokens_dir, tmp_path / "out", train=more_often))


def test_tokens_of_another_tokenizer_are_refused(tokens_dir: Path, tmp_path: Path) -> None:
    write_sequences(tokens_dir / "train-0.parquet", 4, 0, "another")
    with pytest.raises(UserError, match="tokenizer another"):
        training.train(spec_of(tokens_dir, tmp_path / "out"))
    (tokens_dir / "tokenizer.json").write_text("changed")
    with pytest.raises(UserError, match=r"tokenizer\.json"):
        open_tokens(str(tokens_dir))


def test_no_tokens_no_held_out_and_a_wrong_vocabulary_are_said_in_words(tokens_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no finished tokens"):
        open_tokens(str(tmp_path))
    with pytest.raises(UserError, match="99"):
        training.train(spec_of(tokens_dir, tmp_path / "out", model=TINY.model_copy(update={"vocab_size": 99})))
    tokens = open_tokens(str(tokens_dir))
    with pytest.raises(UserError, match="no sequences"):
        read_sequences(str(tokens_dir), tokens, ())


def test_a_loss_that_is_no_number_stops_the_training(tokens_dir: Path, tmp_path: Path) -> None:
    wild = SHORT.model_copy(update={"learning_rate": 1e30, "warmup_frac": 0.0})
    with pytest.raises(Fatal, match="learning_rate"):
        training.train(spec_of(tokens_dir, tmp_path / "out", train=wild))


@given(st.integers(1, 400), st.floats(0, 1), st.floats(0, 1), st.sampled_from(["cosine", "linear", "wsd"]))
def test_learning_rate_warms_up_and_ends_at_its_floor(steps: int, warmup: float, floor: float, schedule: Any) -> None:
    config = TrainConfig(learning_rate=1e-3, warmup_frac=warmup, min_learning_rate_frac=floor, schedule=schedule)
    rates = [learning_rate_at(step, steps, config) for step in range(steps)]
    assert all(0 < rate <= 1e-3 * (1 + 1e-12) for rate in rates[:-1])
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1]) and rates[top:] == sorted(rates[top:], reverse=True)
    if steps > 2 and round(warmup * steps) < steps - 1:
        assert max(rates) == pytest.approx(1e-3) and rates[-1] == pytest.approx(1e-3 * floor)


def test_a_seed_that_no_generator_takes_is_no_setting() -> None:
    assert TrainConfig(seed=2**63 - 1).seed
    with pytest.raises(ValueError, match="seed"):
        TrainConfig(seed=2**63)


@pytest.mark.parametrize(("wanted", "batch", "steps"), [(1, 1, 1), (1000, 100, 16), (16, 10_000, 1), (1000, 64, 16)])
def test_budgets_become_whole_steps(wanted: int, batch: int, steps: int) -> None:
    config = TrainConfig(train_tokens=wanted, batch_tokens=batch)
    assert step_tokens(config, 16) % 16 == 0
    assert count_steps(config, 16) == max(1, round(wanted / step_tokens(config, 16)))
    assert wanted < 1000 or abs(count_steps(config, 16) - steps) < 50


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"causal": False}, "encoder cannot be trained by 'causal'"),
        ({"positions": "learned", "max_positions": 4}, "learns 4 positions"),
    ],
)
def test_models_that_cannot_be_trained_on_these_tokens_are_refused(
    tokens_dir: Path, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    train = SHORT.model_copy(update={"objective": ObjectiveConfig(kind="causal")})
    with pytest.raises(UserError, match=words):
        training.train(spec_of(tokens_dir, tmp_path / "out", model=TINY.model_copy(update=change), train=train))
