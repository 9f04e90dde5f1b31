"""From logits to a token: what is filtered away, in which order, and what is drawn.

The order is that of `transformers`: repetition penalty, temperature, top-k, top-p, min-p.
Source: Keskar et al. 2019 (penalty), Fan et al. 2018 (top-k), Holtzman et al. 2020 (top-p), Nguyen et al. 2024 (min-p).
"""

from __future__ import annotations

import torch
from torch import Tensor

from model.specs import GenerationSpec


def penalise(logits_V: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Logits with those of tokens already there moved towards "no": divided where positive, else multiplied."""
    if penalty == 1:
        return logits_V
    found = logits_V.clone()
    values = found[seen]
    found[seen] = torch.where(values > 0, values / penalty, values * penalty)
    return found


def chances(logits_V: Tensor, spec: GenerationSpec) -> Tensor:
    """The probability each token is drawn with, float32[V]: filtered ones 0; at temperature 0 all on the likeliest."""
    if spec.temperature == 0:
        return torch.zeros_like(logits_V, dtype=torch.float32).index_fill_(0, logits_V.argmax(), 1.0)
    probabilities, ids = torch.softmax(logits_V.float() / spec.temperature, dim=-1).sort(descending=True, stable=True)
    if spec.top_k:
        probabilities = probabilities[: spec.top_k] / probabilities[: spec.top_k].sum()
        ids = ids[: spec.top_k]
    before = probabilities.cumsum(-1) - probabilities
    kept = torch.where(before < spec.top_p, probabilities, 0.0)  # the likeliest always stays
    kept = torch.where(kept >= spec.min_p * kept[0], kept, 0.0)
    return torch.zeros_like(logits_V, dtype=torch.float32).index_put_((ids,), kept / kept.sum())


def choose(logits_V: Tensor, spec: GenerationSpec, generator: torch.Generator) -> int:
    """One token: the likeliest at temperature 0, else drawn from what the filters leave."""
    if spec.temperature == 0:
        return int(logits_V.argmax())
    found = chances(logits_V, spec)
    order = found.sort(descending=True, stable=True)
    return int(order.indices[torch.multinomial(order.values, 1, generator=generator)])
