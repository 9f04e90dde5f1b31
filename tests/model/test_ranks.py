"""Two ranks and one: the same batches and the same losses, whole models or models cut up, and on from each other."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from model import train as training
from model.checkpoint import load_model
from storage.errors import UserError

from .conftest import SHORT
from .test_train import Killed, kill_after, spec_of


def result(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "result.json").read_text())
    return found


def losses(found: dict[str, Any]) -> list[float]:
    return [point["loss"] for point in found["curve"]]


def test_two_ranks_learn_what_one_learns(
    tokens_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project_root: Path
) -> None:
    config = SHORT.model_copy(update={"micro_batch_tokens": 16 * 2})
    spec = spec_of(tokens_dir, tmp_path / "one", train=config)
    training.train(spec)
    with monkeypatch.context() as patch:
        kill_after(patch, 5)
        with pytest.raises(Killed):
            training.train(spec.model_copy(update={"out_dir": str(tmp_path / "two" / "resumed")}))
    file = tmp_path / "spec.json"
    file.write_text(spec.model_copy(update={"out_dir": str(tmp_path / "two")}).model_dump_json())
    command = [sys.executable, str(project_root / "tests" / "model" / "ranks_worker.py"), str(file)]
    environment = {"PYTHONPATH": str(project_root), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]
    alone = result(tmp_path / "one")
    one = dict(load_model(str(tmp_path / "one" / "model.safetensors")).named_parameters())
    for name in ("ddp", "fsdp", "resumed"):
        together = result(tmp_path / "two" / name)
        assert together["batches_digest"] == alone["batches_digest"] and together["ranks"] == 2
        assert losses(together) == pytest.approx(losses(alone), rel=2e-6)
        assert together["eval_loss"] == pytest.approx(alone["eval_loss"], rel=2e-6)
        for key, weight in load_model(str(tmp_path / "two" / name / "model.safetensors")).named_parameters():
            assert (weight - one[key]).abs().max() < 1e-4, (name, key)
    said = {(tmp_path / "two" / f"stopped-{rank}").read_text() for rank in range(2)}
    assert said == {"the training was asked to stop; step 1 is saved."}
    stopped = spec.model_copy(update={"out_dir": str(tmp_path / "two" / "stopped")})
    training.train(stopped)  # one process goes on from what two saved
    assert losses(result(tmp_path / "two" / "stopped")) == pytest.approx(losses(alone), rel=2e-6)


def test_a_batch_that_ranks_cannot_share_is_refused(tokens_dir: Path, tmp_path: Path) -> None:
    ranks = training.Ranks(0, 3, training.choose_device("cpu"))
    with pytest.raises(UserError, match="8 sequences, which 3 ranks"):
        training.train(spec_of(tokens_dir, tmp_path / "out"), ranks)
