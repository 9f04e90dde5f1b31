"""LoRA: frozen matrices with a trained update of low rank beside them, which can be added in for good.

Shapes, in tensor names: I width in, O width out, R rank.
Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", arXiv:2106.09685.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.finetune.config import LoraConfig
from storage.errors import UserError


class LoraLinear(nn.Module):
    """x W^T + b + alpha / rank · x A^T B^T, with W and b frozen; B starts at 0, so nothing changes at first.

    Args:
        base: The matrix; it is frozen, and stays where it is.
        config: Rank and scale.
        generator: Draws A, uniform as `nn.Linear`'s own weights.
    """

    def __init__(self, base: nn.Linear, config: LoraConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.base, self.scale = base.requires_grad_(False), config.alpha / config.rank
        bound = 1 / math.sqrt(base.in_features)
        a_RI = torch.empty(config.rank, base.in_features).uniform_(-bound, bound, generator=generator)
        self.a = nn.Parameter(a_RI.to(base.weight))
        self.b = nn.Parameter(base.weight.new_zeros(base.out_features, config.rank))

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.scale * functional.linear(functional.linear(x, self.a), self.b)  # type: ignore[no-any-return]

    @torch.no_grad()
    def merge(self) -> nn.Linear:
        """The matrix with the update added in: W + alpha / rank · B A."""
        self.base.weight += self.scale * (self.b @ self.a)
        return self.base


def add_lora(model: nn.Module, config: LoraConfig, seed: int) -> int:
    """Freeze a model and put updates beside its target matrices; how many weights those have.

    Raises:
        UserError: No matrix has such a name.
    """
    model.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    added = 0
    for name, module in sorted(model.named_modules()):
        if isinstance(module, nn.Linear) and name.rpartition(".")[2] in config.targets:
            parent = model.get_submodule(name.rpartition(".")[0])
            adapted = LoraLinear(module, config, generator)
            setattr(parent, name.rpartition(".")[2], adapted)
            added += adapted.a.numel() + adapted.b.numel()
    if not added:
        names = {n.rpartition(".")[2] for n, m in model.named_modules() if isinstance(m, nn.Linear)}
        raise UserError(
            f"this model has no matrix named {' or '.join(config.targets)}.", f"It has: {', '.join(sorted(names))}."
        )
    return added


def merge_lora(model: nn.Module) -> None:
    """Add all updates in: the model is of the shape it was, and computes what it did with them beside it."""
    for name, module in list(model.named_modules()):
        if isinstance(module, LoraLinear):
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, module.merge())


def adapters(model: nn.Module) -> dict[str, Tensor]:
    """The updates' weights by name: all there is to keep of them."""
    return {
        f"{name}.{part}": getattr(module, part)
        for name, module in model.named_modules()
        if isinstance(module, LoraLinear)
        for part in ("a", "b")
    }
