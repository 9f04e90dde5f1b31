"""Loss on text no training has seen."""

from __future__ import annotations

import math

import numpy as np
import torch

from model.config import Counts
from model.data import Sequences
from model.objectives import causal_loss
from model.transformer import Transformer

_BATCH = 16


@torch.no_grad()
def held_out_loss(model: Transformer, sequences: Sequences, most: int, pad_id: int) -> float:
    """Mean loss over at most `most` sequences, evenly spread over all; nats a token."""
    device = next(model.parameters()).device
    chosen = np.unique(np.linspace(0, len(sequences) - 1, min(most, len(sequences))).round().astype(np.int64))
    nats, tokens = 0.0, 0
    for start in range(0, len(chosen), _BATCH):
        batch = torch.from_numpy(sequences[chosen[start : start + _BATCH]].astype(np.int64)).to(device)
        loss = causal_loss(model, batch, pad_id)
        nats, tokens = nats + float(loss.nats), tokens + int(loss.tokens)
    return nats / max(tokens, 1)


def bits_per_byte(loss: float, text: Counts) -> float:
    """What it takes to code a byte of the text, ends of documents included: comparable across tokenizers."""
    return loss / math.log(2) * text.tokens / max(text.bytes, 1)
