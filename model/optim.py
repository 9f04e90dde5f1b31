"""AdamW with decay on matrices only, and the learning rate of every step."""

from __future__ import annotations

import math

import torch
from torch import nn

from model.config import TrainConfig


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW in two groups: matrices decay, norms do not. Source: Loshchilov & Hutter 2019."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    groups = [
        {"params": [weight for weight in weights if weight.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [weight for weight in weights if weight.ndim < 2], "weight_decay": 0.0},
    ]
    betas = (config.beta1, config.beta2)
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=betas, eps=config.adam_eps, fused=True)


def learning_rate_at(step: int, steps: int, config: TrainConfig) -> float:
    """Rate of step `step` of `steps` (from 0): linear warm-up that never starts at zero, then a cosine.

    The last step's rate is `min_learning_rate_frac` of the peak. Source: Loshchilov & Hutter 2017; Hoffmann
    et al. 2022.
    """
    warmup = min(round(config.warmup_frac * steps), steps - 1)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(steps - 1 - warmup, 1)
    floor = config.min_learning_rate_frac
    return config.learning_rate * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the rate of every group."""
    for group in optimizer.param_groups:
        group["lr"] = rate
