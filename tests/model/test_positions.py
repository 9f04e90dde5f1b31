"""Transformer-XL's relative attention against its definition, written out term by term."""

from __future__ import annotations

import math

import pytest
import torch

from model.attention import KVCache
from model.config import ModelConfig
from model.transformer import Transformer

CONFIG = ModelConfig(
    vocab_size=97, d_model=24, n_layers=2, n_heads=3, n_kv_heads=3, positions="transformer_xl", activation="gelu"
)


def shaken() -> Transformer:
    model = Transformer(CONFIG, seed=1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(2)))
    return model.eval()


@torch.no_grad()
def test_scores_are_the_four_terms_of_the_paper() -> None:
    """A[i, j] = q·k + q·W r(i-j) + u·k + v·W r(i-j), equation 5 of Dai et al. 2019."""
    attention, width, positions = shaken().blocks[0].attention, 8, 6
    x = torch.randn(1, positions, 24)
    waves = torch.zeros(positions, 24)
    for distance in range(positions):
        for i in range(12):
            angle = distance / 10_000 ** (2 * i / 24)
            waves[distance, i], waves[distance, 12 + i] = math.sin(angle), math.cos(angle)
    q, k, v, r = attention.q(x)[0], attention.k(x)[0], attention.v(x)[0], attention.distance(waves)
    out = torch.zeros(positions, 24)
    for head in range(3):
        part = slice(head * width, (head + 1) * width)
        content, distance_bias = attention.content_bias[part], attention.distance_bias[part]
        for i in range(positions):
            scores = torch.stack(
                [
                    (q[i, part] + content) @ k[j, part] + (q[i, part] + distance_bias) @ r[i - j, part]
                    for j in range(i + 1)
                ]
            )
            out[i, part] = torch.softmax(scores / math.sqrt(width), 0) @ v[: i + 1, part]
    context = shaken()._context(x, None, None, None)
    torch.testing.assert_close(attention(x, context)[0], attention.o(out), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pieces", [[9], [4, 1, 1, 3]])
@torch.no_grad()
def test_a_cache_changes_no_logit(pieces: list[int]) -> None:
    model = shaken()
    tokens = torch.randint(0, 97, (2, 9), generator=torch.Generator().manual_seed(3))
    cache = KVCache.empty(CONFIG, 2, 9, model.embedding.weight)
    logits = torch.cat([model(part, cache) for part in tokens.split(pieces, dim=1)], dim=1)
    torch.testing.assert_close(logits, model(tokens), rtol=1e-4, atol=1e-5)
