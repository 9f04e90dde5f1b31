"""What a training asks of its model, as one module: the loss of a part of a batch, wherever the model is cut up.

Data-parallel wrappers act when a module is called; an objective that calls parts of a model one by one must still be
one call to them.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from model.config import TrainConfig
from model.objectives import Loss, causal_loss
from model.transformer import Transformer


class Objective(nn.Module):
    """Predict every token from those before it.

    Args:
        model: The decoder.
        pad_id: Targets of this id are left out.
        autocast: Whether products are computed in bfloat16; weights stay float32.
    """

    def __init__(self, model: Transformer, pad_id: int, autocast: bool) -> None:
        super().__init__()
        self.model, self.pad_id, self.autocast = model, pad_id, autocast

    def forward(self, tokens_BW: Tensor, documents_BW: Tensor) -> tuple[Tensor, Tensor]:
        """Sum of losses in nats, and the number of tokens it is over; int64[B, T + 1] and int32[B, T + 1]."""
        with torch.autocast(tokens_BW.device.type, torch.bfloat16, enabled=self.autocast):
            loss = causal_loss(self.model, tokens_BW, self.pad_id)
        return loss.nats, loss.tokens

    def measure(self, tokens_BW: Tensor, documents_BW: Tensor) -> Loss:
        """The same by name."""
        return Loss(*self(tokens_BW, documents_BW))


def prepare_blocks(blocks: list[nn.Module], config: TrainConfig, backend: str = "inductor") -> None:
    """Blocks that are computed again going back, and compiled, where the training asks for it; names stay."""
    for block in blocks:
        if config.recompute:
            plain: Any = block.forward
            block.forward = partial(checkpoint, plain, use_reentrant=False)
        if config.compile:
            block.compile(backend=backend)
