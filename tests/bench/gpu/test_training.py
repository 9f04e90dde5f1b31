"""`make bench-gpu`: a training step on a GPU, held against the same step on the CPU, with its speed.

Skips, with the reason, where there is no GPU.
"""

from __future__ import annotations

import time

import pytest
import torch

from model.memory import count_parameters
from model.objectives import causal_loss
from model.presets import preset
from model.transformer import Transformer

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
]


def gradients(device: str, tokens: torch.Tensor) -> tuple[float, dict[str, torch.Tensor]]:
    model = Transformer(preset("ladder-2m"), seed=0).to(device)
    loss = causal_loss(model, tokens.to(device), pad_id=-1).mean
    loss.backward()
    return loss.item(), {
        name: weight.grad.cpu() for name, weight in model.named_parameters() if weight.grad is not None
    }


def test_gpu_agrees_with_cpu() -> None:
    tokens = torch.randint(0, 4096, (2, 129), generator=torch.Generator().manual_seed(1))
    loss, expected = gradients("cpu", tokens)
    found_loss, found = gradients("cuda", tokens)
    assert found_loss == pytest.approx(loss, rel=1e-4)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-2, atol=1e-5, msg=name)


def test_tokens_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    config = preset("ladder-40m")
    model = Transformer(config, seed=0).to("cuda")
    tokens = torch.randint(0, config.vocab_size, (16, 1025), device="cuda")
    for _ in range(3):
        causal_loss(model, tokens, pad_id=-1).mean.backward()
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(10):
        causal_loss(model, tokens, pad_id=-1).mean.backward()
    torch.cuda.synchronize()
    rate = 10 * 16 * 1024 / (time.perf_counter() - started)
    with capsys.disabled():
        size = count_parameters(config).total
        print(f"\n{torch.cuda.get_device_name()}: {size:,} parameters, {rate:,.0f} tokens a second, float32")
    assert rate > 0
