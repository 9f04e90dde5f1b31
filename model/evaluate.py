"""Loss on text no training has seen, in all and domain by domain."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from model.data import Sequences
from model.loss import Loss
from model.token_set import Counts

_BATCH = 16

Measure = Callable[[Tensor, Tensor], Loss]
"""Tokens and documents of some sequences, int64 and int32[B, width], to the sum of their losses."""


@torch.no_grad()
def held_out_losses(
    measure: Measure, sequences: Sequences, most: int, pad_id: int, device: torch.device
) -> dict[str, tuple[float, int]]:
    """By domain, the sum of losses in nats and the tokens it is over; sequences of no single domain under "".

    At most `most` sequences in all, of every domain its share of them and at least one, evenly spread.
    """
    domains = sequences.domains or {"": np.arange(len(sequences))}
    found = {}
    for domain, rows in domains.items():
        wanted = max(1, round(most * len(rows) / len(sequences)))
        chosen = rows[np.unique(np.linspace(0, len(rows) - 1, min(wanted, len(rows))).round().astype(np.int64))]
        nats, count = 0.0, 0
        for start in range(0, len(chosen), _BATCH):
            part = chosen[start : start + _BATCH]
            tokens = torch.from_numpy(sequences.take(part).astype(np.int64))
            documents = torch.from_numpy(sequences.documents(part)).masked_fill_(tokens == pad_id, -1)
            loss = measure(tokens.to(device), documents.to(device))
            nats, count = nats + float(loss.nats), count + int(loss.tokens)
        found[domain] = nats, count
    return found


def mean_loss(losses: Mapping[str, tuple[float, int]]) -> float:
    """Nats a token over all domains."""
    return sum(nats for nats, _ in losses.values()) / max(sum(count for _, count in losses.values()), 1)


def bits_per_byte(loss: float, text: Counts) -> float:
    """What it takes to code a byte of the text, ends of documents included: comparable across tokenizers."""
    return loss / math.log(2) * text.tokens / max(text.bytes, 1)
