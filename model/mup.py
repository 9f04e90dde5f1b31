"""muP: weights and rates such that what a step changes is of one size at every width.

Against the standard parametrisation, with m = d_model / mup_base_width: the embedding starts sqrt(m) larger and learns
at the full rate; matrices of the blocks start as they do (variance 1 / width) and learn at 1/m of it; the output matrix
starts at zero, as the paper advises (section D.2: else narrow models differ from wide ones by chance), and learns at
1/m. The width of a head stays what it is, so attention's scale need not change: give wide models more heads. A T5's
biases by distance are vectors, one number a head. An ELMo is none of it: its LSTMs' cells are a width of their own.
Source: Yang et al. 2022, "Tensor Programs V", arXiv:2203.03466, table 3 (Adam).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from model.config import ModelConfig, TrainConfig
from storage.errors import UserError


def check_mup(model: ModelConfig, config: TrainConfig) -> None:
    """Refuse what this table says nothing of.

    Raises:
        UserError: Embedding and output matrix are one, and would have to start and learn in two ways; or LSTMs.
    """
    if config.parametrisation != "mup":
        return
    if model.lstm is not None:
        raise UserError("muP has no rule here for LSTMs (ELMo).", "Set training.parametrisation=standard.")
    if model.tied_embeddings or model.scaled_head:
        hint = "Set model.tied_embeddings=false" + (", model.scaled_head=false (T5 1.1)." if model.scaled_head else ".")
        raise UserError("muP needs an output matrix of its own.", hint)


@torch.no_grad()
def rescale(model: nn.Module, config: TrainConfig) -> None:
    """Bring fresh weights to muP's sizes; nothing for the standard parametrisation."""
    if config.parametrisation != "mup":
        return
    multiple = _multiple(model, config)
    for name, weight in model.named_parameters():
        if name.endswith("embedding.weight"):
            weight.mul_(multiple**0.5)
        elif name == "head.weight":
            weight.zero_()


def rate_factor(name: str, weight: Tensor, model: nn.Module, config: TrainConfig) -> float:
    """The fraction of the rate a weight learns at: 1 for vectors and embeddings, 1/m for matrices."""
    if weight.ndim < 2 or name.endswith(("embedding.weight", "relative_bias.weight")):
        return 1.0
    return 1 / _multiple(model, config)


def _multiple(model: Any, config: TrainConfig) -> float:
    return float(model.config.d_model / config.mup_base_width) if config.parametrisation == "mup" else 1.0
