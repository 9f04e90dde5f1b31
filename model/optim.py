"""AdamW with decay on matrices only, and the learning rate of every step."""

from __future__ import annotations

import math

import torch
from torch import nn

from model.config import TrainConfig, known
from model.mup import rate_factor


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW, fused: matrices decay, norms and biases do not; under muP some learn at a fraction of the rate.

    A group's `factor` is that fraction; its decay is divided by it, so that rate times decay is the same for all.
    Source: Loshchilov & Hutter 2019.
    """
    grouped: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            factor = rate_factor(name, weight, model, config)
            decay = config.weight_decay / factor if weight.ndim >= 2 else 0.0
            grouped.setdefault((factor, decay), []).append(weight)
    groups = [
        {"params": weights, "weight_decay": decay, "factor": factor} for (factor, decay), weights in grouped.items()
    ]
    betas = (config.beta1, known(config.beta2))
    return torch.optim.AdamW(groups, lr=known(config.learning_rate), betas=betas, eps=config.adam_eps, fused=True)


def learning_rate_at(step: int, steps: int, config: TrainConfig) -> float:
    """Rate of step `step` of `steps` (from 0): linear warm-up that never starts at zero, then the schedule.

    The last step's rate is `min_learning_rate_frac` of the peak.
    Source: Loshchilov & Hutter 2017 and Hoffmann et al. 2022 (cosine); Bergsma et al. 2025, arXiv:2502.15938
    (linear); Hu et al. 2024, arXiv:2404.06395, and Hägele et al. 2024, arXiv:2405.18392 (warm-up, stable, decay).
    """
    peak, floor = known(config.learning_rate), config.min_learning_rate_frac
    warmup = min(round(known(config.warmup_frac) * steps), steps - 1)
    if step < warmup:
        return peak * (step + 1) / warmup
    start = max(warmup, steps - 1 - round(config.decay_frac * steps)) if config.schedule == "wsd" else warmup
    progress = min(max((step - start) / max(steps - 1 - start, 1), 0.0), 1.0)
    left = 0.5 * (1 + math.cos(math.pi * progress)) if config.schedule == "cosine" else 1 - progress
    return peak * (floor + (1 - floor) * left)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the rate of every group, each its fraction."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
