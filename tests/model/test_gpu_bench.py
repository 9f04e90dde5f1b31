"""What the GPU benchmark measures runs, at sizes where nothing is worth measuring: its code must not wait for a GPU."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from model.config import ModelConfig

CONFIG = ModelConfig(vocab_size=64, d_model=32, n_layers=1, n_heads=2, n_kv_heads=1)
CPU = torch.device("cpu")


@pytest.fixture
def measure(project_root: Path) -> Any:
    path = project_root / "tests" / "bench" / "gpu" / "measure.py"
    spec = importlib.util.spec_from_file_location("gpu_measure", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["gpu_measure"] = module
    spec.loader.exec_module(module)
    return module


def test_a_whole_training_runs_on_a_cpu(measure: Any, tmp_path: Path) -> None:
    found = measure.training(CONFIG, tmp_path, "cpu", 4, 32, steps=6)
    assert found.steps == 6 and found.step_tokens_per_second > 0 and 0 <= found.loader_wait_frac < 1


def test_steps_and_generation_run_on_a_cpu(measure: Any) -> None:
    prepared = measure.packed(CONFIG, 2, 48, 12)
    assert prepared.documents is not None
    for make in (measure.our_step, measure.their_step):
        assert measure.seconds(make(CONFIG, prepared, CPU, compiled=False), CPU, warm=1, rounds=2) > 0
    bandwidth = measure.measured_bandwidth(CPU, 4)
    for config in (CONFIG, CONFIG.model_copy(update={"tied_embeddings": True})):
        found = measure.writing(config, CPU, bandwidth, compiled=False, tokens=12)
        block = 4 * 32 * 32 - 2 * 16 * 32 + 3 * 32 * config.hidden_dim + 2 * 32
        # weights but the embedding's table; keys and values of one layer and head at a mean of 11 positions
        assert found.bytes_read == 2 * (block + 32 + 64 * 32) + 2 * 1 * 16 * 2 * 11
        assert (
            found.rate > 0
            and found.share == pytest.approx(found.rate * found.bytes_read / bandwidth)
            and found.share < 1
        )
