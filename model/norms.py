"""Norms, computed in float32 whatever the weights are."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.config import ModelConfig


class RMSNorm(nn.Module):
    """x / sqrt(mean(x²) + eps), scaled. Source: Zhang & Sennrich 2019."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x_BTD: Tensor) -> Tensor:
        if x_BTD.dtype == self.weight.dtype:  # PyTorch's own kernel computes in float32 and rounds once
            return functional.rms_norm(x_BTD, self.weight.shape, self.weight, self.eps)
        return functional.rms_norm(x_BTD.float(), self.weight.shape, self.weight.float(), self.eps).type_as(x_BTD)


class LayerNorm(nn.Module):
    """(x - mean) / sqrt(variance + eps), scaled and moved. Source: Ba et al. 2016."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.eps = eps

    def forward(self, x_BTD: Tensor) -> Tensor:
        if x_BTD.dtype == self.weight.dtype:
            return functional.layer_norm(x_BTD, self.weight.shape, self.weight, self.bias, self.eps)
        weight, bias = self.weight.float(), self.bias.float()
        return functional.layer_norm(x_BTD.float(), weight.shape, weight, bias, self.eps).type_as(x_BTD)


def make_norm(config: ModelConfig) -> nn.Module:
    """The norm a configuration asks for."""
    return {"rms": RMSNorm, "layer": LayerNorm}[config.norm](config.d_model, config.norm_eps)
