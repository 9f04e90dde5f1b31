"""AdamW with decay on matrices only."""

from __future__ import annotations

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


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the rate of every group, each its fraction."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
