"""A Llama-3-style decoder.

Design decisions
- RMSNorm before attention and before the feed-forward part, and once at the end; no biases anywhere.
- Rotary positions on queries and keys, the two halves of a head rotated together (the layout of
  `transformers`).
- Grouped-query attention through PyTorch's scaled_dot_product_attention, which picks Flash where it can.
- SwiGLU feed-forward.
- Weights start from N(0, 1 / d_model); the two matrices of a block that write to the residual stream start
  smaller by sqrt(2 n_layers), so that its variance does not grow with depth (GPT-2).
- Norms and the rotation are computed in float32 whatever the weights are.

Shapes, in tensor names: B sequences, T positions, S positions attended to (cached ones first), D d_model, H
query heads, K key heads, E head width, F hidden width, V vocabulary.
Source: Dubey et al. 2024, "The Llama 3 Herd of Models".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.config import ModelConfig


@dataclass
class KVCache:
    """Keys and values of the positions seen so far, float[B, K, S, E] a layer; `used` of S are filled."""

    keys: list[Tensor]
    values: list[Tensor]
    used: int = 0

    @classmethod
    def empty(cls, config: ModelConfig, batch: int, positions: int, like: Tensor) -> KVCache:
        """Room for `positions` positions, with the device and type of `like`."""
        shape = (batch, config.n_kv_heads, positions, config.head_dim)
        keys = [like.new_empty(shape) for _ in range(config.n_layers)]
        return cls(keys, [torch.empty_like(key) for key in keys])

    def extend(self, layer: int, k_BKTE: Tensor, v_BKTE: Tensor) -> tuple[Tensor, Tensor]:
        """Write the new positions of one layer; keys and values of all positions so far."""
        end = self.used + k_BKTE.shape[2]
        self.keys[layer][:, :, self.used : end] = k_BKTE
        self.values[layer][:, :, self.used : end] = v_BKTE
        return self.keys[layer][:, :, :end], self.values[layer][:, :, :end]


class RMSNorm(nn.Module):
    """x / sqrt(mean(x²) + eps), scaled. Source: Zhang & Sennrich 2019."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x_BTD: Tensor) -> Tensor:
        return functional.rms_norm(x_BTD.float(), self.weight.shape, self.weight.float(), self.eps).type_as(x_BTD)


class Attention(nn.Module):
    """Causal grouped-query attention with rotary positions. Source: Ainslie et al. 2023; Su et al. 2021."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.layer, self.head_dim = layer, config.head_dim
        self.grouped = config.n_kv_heads != config.n_heads
        kv_width = config.n_kv_heads * config.head_dim
        self.q = nn.Linear(config.d_model, config.d_model, bias=False)
        self.k = nn.Linear(config.d_model, kv_width, bias=False)
        self.v = nn.Linear(config.d_model, kv_width, bias=False)
        self.o = nn.Linear(config.d_model, config.d_model, bias=False)

    def forward(self, x_BTD: Tensor, cos_TE: Tensor, sin_TE: Tensor, cache: KVCache | None) -> Tensor:
        q_BHTE = _rotate(self._heads(self.q(x_BTD)), cos_TE, sin_TE)
        k_BKSE = _rotate(self._heads(self.k(x_BTD)), cos_TE, sin_TE)
        v_BKSE = self._heads(self.v(x_BTD))
        if cache is not None:
            k_BKSE, v_BKSE = cache.extend(self.layer, k_BKSE, v_BKSE)
        mask_TS = _causal_mask(q_BHTE, k_BKSE)
        out_BHTE = functional.scaled_dot_product_attention(
            q_BHTE,
            k_BKSE,
            v_BKSE,
            mask_TS,
            is_causal=mask_TS is None and q_BHTE.shape[2] > 1,
            enable_gqa=self.grouped,
        )
        return self.o(out_BHTE.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def _heads(self, x_BTW: Tensor) -> Tensor:
        batch, positions, width = x_BTW.shape
        return x_BTW.view(batch, positions, width // self.head_dim, self.head_dim).transpose(1, 2)


def _causal_mask(q_BHTE: Tensor, k_BKSE: Tensor) -> Tensor | None:
    """True where a position may attend; None where `is_causal` says it (nothing cached) or none is needed."""
    positions, cached = q_BHTE.shape[2], k_BKSE.shape[2] - q_BHTE.shape[2]
    if cached == 0 or positions == 1:
        return None
    return torch.ones(positions, k_BKSE.shape[2], dtype=torch.bool, device=q_BHTE.device).tril(cached)


class FeedForward(nn.Module):
    """down(silu(gate(x)) · up(x)). Source: Shazeer 2020, "GLU variants improve Transformer"."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate = nn.Linear(config.d_model, config.hidden_dim, bias=False)
        self.up = nn.Linear(config.d_model, config.hidden_dim, bias=False)
        self.down = nn.Linear(config.hidden_dim, config.d_model, bias=False)

    def forward(self, x_BTD: Tensor) -> Tensor:
        return self.down(functional.silu(self.gate(x_BTD)) * self.up(x_BTD))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention, then feed-forward, each added to the residual stream."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(config.d_model, config.norm_eps)
        self.attention = Attention(config, layer)
        self.feed_forward_norm = RMSNorm(config.d_model, config.norm_eps)
        self.feed_forward = FeedForward(config)

    def forward(self, x_BTD: Tensor, cos_TE: Tensor, sin_TE: Tensor, cache: KVCache | None) -> Tensor:
        x_BTD = x_BTD + self.attention(self.attention_norm(x_BTD), cos_TE, sin_TE, cache)
        return x_BTD + self.feed_forward(self.feed_forward_norm(x_BTD))  # type: ignore[no-any-return]


class Transformer(nn.Module):
    """Token ids to logits of the next token.

    Args:
        config: Shape of the model.
        seed: Of the initial weights; the same seed gives the same weights on every machine.
    """

    def __init__(self, config: ModelConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.n_layers))
        self.norm = RMSNorm(config.d_model, config.norm_eps)
        self.head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        if config.tied_embeddings:
            self.head.weight = self.embedding.weight
        self._initialise(seed)

    def forward(self, tokens_BT: Tensor, cache: KVCache | None = None) -> Tensor:
        """Logits, float[B, T, V]. With a cache, positions go on from those in it, and join them."""
        start = cache.used if cache is not None else 0
        x_BTD = self.embedding(tokens_BT)
        cos_TE, sin_TE = self._angles(start, tokens_BT.shape[1], x_BTD.device)
        for block in self.blocks:
            x_BTD = block(x_BTD, cos_TE, sin_TE, cache)
        if cache is not None:
            cache.used += tokens_BT.shape[1]
        return self.head(self.norm(x_BTD))  # type: ignore[no-any-return]

    def _angles(self, start: int, positions: int, device: torch.device) -> tuple[Tensor, Tensor]:
        width = self.config.head_dim
        exponents = torch.arange(0, width, 2, dtype=torch.float32, device=device) / width
        positions_T = torch.arange(start, start + positions, dtype=torch.float32, device=device)
        angles = torch.outer(positions_T, 1.0 / self.config.rope_base**exponents)
        angles_TE = torch.cat([angles, angles], dim=-1)
        return angles_TE.cos(), angles_TE.sin()

    @torch.no_grad()
    def _initialise(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        std = self.config.init_std or self.config.d_model**-0.5
        residual_std = std / math.sqrt(2 * self.config.n_layers)
        for name, weight in self.named_parameters():
            if weight.ndim == 1 or weight.is_meta:
                continue
            writes_residual = name.endswith(("attention.o.weight", "feed_forward.down.weight"))
            weight.normal_(0.0, residual_std if writes_residual else std, generator=generator)


def _rotate(x_BHTE: Tensor, cos_TE: Tensor, sin_TE: Tensor) -> Tensor:
    """Turn each pair (x[e], x[e + E/2]) by its position's angle."""
    x = x_BHTE.float()
    first, second = x.chunk(2, dim=-1)
    return (x * cos_TE + torch.cat([-second, first], dim=-1) * sin_TE).type_as(x_BHTE)
