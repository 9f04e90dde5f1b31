"""Predicted against measured peak memory of a training step on this CPU: `python -m tests.bench.bench_memory`.

Each row is a process of its own. Its highest use is counted anew once the program is loaded and has trained a small
model (Linux: writing 5 to /proc/self/clear_refs); two steps are taken, so that moments exist when activations do. glibc
is told to give freed memory back: by default it keeps some lying about, which is the allocator's, not the model's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import torch

from model.build import build_model
from model.config import ModelConfig, TrainConfig
from model.memory import count_parameters
from model.memory_plan import Layout, training_need
from model.objective import blocks_of, prepare_blocks
from model.objectives import losses_of
from model.optim import make_optimizer
from model.prepare import Prepared
from model.presets import preset
from model.rules import settle

_SIZES = {"d_model": 384, "n_layers": 4, "n_heads": 6, "vocab_size": 8_192, "max_positions": 1024}


def _model(name: str, **changes: object) -> ModelConfig:
    sizes = _SIZES | {"n_kv_heads": 6, "ffn_dim": None, "init_std": None}
    return ModelConfig.model_validate(preset(name).model_dump() | sizes | changes)


CASES: dict[str, tuple[ModelConfig, Layout]] = {
    "llama, 4 x 512": (_model("llama3-8b", n_kv_heads=2), Layout(precision="float32", length=512, batch=4)),
    "llama, 1 x 1024": (_model("llama3-8b", n_kv_heads=2), Layout(precision="float32", length=1024)),
    "llama, checkpointing": (
        _model("llama3-8b", n_kv_heads=2),
        Layout(precision="float32", length=512, batch=8, checkpointing="full"),
    ),
    "llama, 2 parts of 2 x 512": (
        _model("llama3-8b", n_kv_heads=2),
        Layout(precision="float32", length=512, batch=2, parts=2),
    ),
    "gpt2, 4 x 512": (_model("gpt2"), Layout(precision="float32", length=512, batch=4)),
    "bert, 8 x 256": (_model("bert-base-mlm"), Layout(precision="float32", length=256, batch=8)),
    "llama, bf16 4 x 512": (_model("llama3-8b", n_kv_heads=2), Layout(precision="bf16", length=512, batch=4)),
}


def measure(name: str) -> int:
    """Highest use of two training steps in this process, beyond what the program itself takes; bytes."""
    config, layout = CASES[name]
    torch.set_num_threads(1)
    _steps(_model("llama3-8b", d_model=96, n_layers=1, vocab_size=128), Layout(precision=layout.precision, length=16))
    Path("/proc/self/clear_refs").write_text("5")
    before = _memory("VmRSS")
    _steps(config, layout)
    return _memory("VmHWM") - before


def _steps(config: ModelConfig, layout: Layout) -> None:
    """Two training steps."""
    model = build_model(config)
    train = TrainConfig(recompute=layout.checkpointing == "full")
    prepare_blocks(blocks_of(model), train)
    optimizer = make_optimizer(model, settle(train, config))
    tokens = torch.randint(0, config.vocab_size, (layout.batch, layout.length + 1))
    for _ in range(2):
        for _ in range(layout.parts):
            with torch.autocast("cpu", torch.bfloat16, enabled=layout.precision == "bf16"):
                loss = losses_of(model, Prepared(tokens[:, :-1], tokens[:, 1:])).tokens / tokens.numel()
            loss.backward()
            del loss
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def _memory(what: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(what))


def main() -> None:
    """One row a case: parameters, predicted and measured MB, and their ratio."""
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
        return
    print(f"{'case':28}{'parameters':>14}{'predicted MB':>14}{'measured MB':>13}{'ratio':>7}")
    for name, (config, layout) in CASES.items():
        command = [sys.executable, "-m", "tests.bench.bench_memory", name]
        environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0"}
        measured = int(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)
        predicted, size = training_need(config, layout).total, count_parameters(config).total
        row = f"{size:14,}{predicted / 1e6:14.0f}{measured / 1e6:13.0f}{predicted / measured:7.3f}"
        print(f"{name:28}{row}", flush=True)


if __name__ == "__main__":
    main()
