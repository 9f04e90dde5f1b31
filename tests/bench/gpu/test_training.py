"""`make bench-gpu`: steps and a whole training on a GPU, held against the CPU, `transformers`, and the device's own
rates.

Bars, on one H200 in bf16 at 2,048 tokens with documents apart: MFU of 45 % at 160M and 55 % at 1.2B parameters, 300,000
tokens a second at 125M, and 1.3 times `transformers` with compile. On another GPU the numbers are kept, and only
agreement and a loader nobody waits for are asked for. Skips, with the reason, where there is no GPU; what is measured
runs at small sizes on any machine in tests/model/test_gpu_bench.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from model.config import ModelConfig
from model.device import measured_flops
from model.flops import flops_per_token
from model.memory import count_parameters
from model.objectives import losses_of
from model.presets import preset
from model.transformer import Transformer

from .conftest import Note
from .measure import is_h200, our_step, packed, release, seconds, their_step, training

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
    pytest.mark.timeout(1200),
]
LENGTH = 2048
MOST_WAITING = 0.02
"""Share of the steps' time: more, and the loader is a bottleneck."""
SIZES = {  # name: (shape, sequences a step, least MFU, least tokens a second)
    "125M": (ModelConfig(vocab_size=32_768, d_model=768, n_layers=12, n_heads=12, n_kv_heads=12), 16, 0.0, 300_000),
    "160M": (ModelConfig(vocab_size=32_768, d_model=896, n_layers=12, n_heads=14, n_kv_heads=14), 16, 0.45, 0),
    "1.2B": (ModelConfig(vocab_size=32_768, d_model=2048, n_layers=22, n_heads=16, n_kv_heads=16), 8, 0.55, 0),
}


def gradients(device: str) -> tuple[float, dict[str, torch.Tensor]]:
    """Of packed documents: groups on the CPU, FlexAttention's blocks on the GPU."""
    config = preset("ladder-2m")
    model = Transformer(config, seed=0).to(device)
    losses = losses_of(model, packed(config, 2, 256, 60).to(torch.device(device)))
    (losses.tokens / 512).backward()
    grads = {name: weight.grad.cpu() for name, weight in model.named_parameters() if weight.grad is not None}
    return losses.tokens.item() / 512, grads


def test_gpu_agrees_with_cpu() -> None:
    loss, expected = gradients("cpu")
    found_loss, found = gradients("cuda")
    assert found_loss == pytest.approx(loss, rel=1e-4)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-2, atol=1e-5, msg=name)


@pytest.mark.parametrize("name", [*SIZES])
def test_a_training_step(name: str, note: Note) -> None:
    config, batch, least_mfu, least_rate = SIZES[name]
    device = torch.device("cuda")
    prepared = packed(config, batch, LENGTH, mean=500)
    ours = batch * LENGTH / seconds(our_step(config, prepared, device, compiled=True), device)
    memory = torch.cuda.max_memory_allocated()
    release()
    theirs = batch * LENGTH / seconds(their_step(config, prepared, device, compiled=True), device)
    release()
    peak = measured_flops(device, torch.bfloat16)
    assert peak is not None
    mfu = flops_per_token(config, LENGTH) * ours / peak
    note(
        size=name, parameters=count_parameters(config).total, tokens_per_second=round(ours), mfu=round(mfu, 4),
        measured_tflops=round(peak / 1e12, 1), times_transformers=round(ours / theirs, 3), memory_bytes=memory,
    )  # fmt: skip
    if is_h200():
        assert mfu >= least_mfu and ours >= least_rate and ours / theirs >= 1.3


def test_a_whole_training_never_waits_for_its_loader(tmp_path: Path, note: Note) -> None:
    config, batch, _, least_rate = SIZES["125M"]
    found = training(config, tmp_path, "cuda", batch, LENGTH, steps=60)
    note(
        tokens_per_second=round(found.step_tokens_per_second), mfu=found.mfu, loader_wait_frac=found.loader_wait_frac,
        memory_bytes=found.memory_bytes,
    )  # fmt: skip
    assert found.loader_wait_frac <= MOST_WAITING
    if is_h200():
        assert found.step_tokens_per_second >= least_rate
