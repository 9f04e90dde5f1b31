"""What a model is asked to do: sums and counts of losses, so that batches of any size add up."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn import functional

from model.transformer import Transformer


class Loss(NamedTuple):
    """A sum of losses and how many tokens it is over; both scalar tensors."""

    nats: Tensor
    tokens: Tensor

    @property
    def mean(self) -> Tensor:
        """Nats a token."""
        return self.nats / self.tokens.clamp(min=1)


def causal_loss(model: Transformer, sequences_BW: Tensor, pad_id: int) -> Loss:
    """Predict every token from those before it.

    Args:
        model: The decoder.
        sequences_BW: int64[B, T + 1]; the model sees the first T, the targets are the last T.
        pad_id: Targets of this id are left out.

    Logits are compared in float32, whatever the model computes in.
    """
    targets = sequences_BW[:, 1:].reshape(-1)
    logits = model(sequences_BW[:, :-1]).flatten(0, 1).float()
    nats = functional.cross_entropy(logits, targets, ignore_index=pad_id, reduction="sum")
    return Loss(nats, (targets != pad_id).sum())
