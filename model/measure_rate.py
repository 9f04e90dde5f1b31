"""Seconds of a training step on this machine: `python -m model.measure_rate SPEC.json` (see `RateSpec`).

Steps are real ones, forward, backward and optimiser, on tokens drawn at random; losses mean nothing here.
"""

from __future__ import annotations

import statistics
import time

import torch

from model.config import ModelConfig, TrainConfig
from model.objectives import causal_loss
from model.optim import make_optimizer
from model.process import choose_device, emit, serve, settle
from model.rules import settle as settle_settings
from model.scaling.speed import RateSpec
from model.transformer import Transformer

_WARM_STEPS = 2
_LEAST_STEPS = 3


def seconds_per_step(
    model: ModelConfig, batch_tokens: int, sequence_length: int, seconds: float, device: torch.device
) -> float:
    """Median seconds of a step, the first ones left out."""
    network = Transformer(model, seed=0).to(device)
    optimizer = make_optimizer(network, settle_settings(TrainConfig(), model))
    rows = max(1, batch_tokens // sequence_length)
    batch = torch.randint(model.vocab_size, (rows, sequence_length + 1), generator=torch.Generator().manual_seed(0))
    batch = batch.to(device)
    took: list[float] = []
    while len(took) < _WARM_STEPS + _LEAST_STEPS or sum(took) < seconds:
        started = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):  # as trainings do there
            loss = causal_loss(network, batch, pad_id=-1).mean
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        float(loss.detach())  # waits for the device
        took.append(time.perf_counter() - started)
    return statistics.median(took[_WARM_STEPS:])


def _work(spec: RateSpec) -> None:
    settle(spec.threads)
    device = choose_device(spec.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    memory = torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else 0
    emit("device", name=name, memory=memory)
    for model, tokens in zip(spec.models, spec.batch_tokens, strict=True):
        emit("rate", seconds=seconds_per_step(model, tokens, spec.sequence_length, spec.seconds, device))


if __name__ == "__main__":
    raise SystemExit(serve(RateSpec, _work))
