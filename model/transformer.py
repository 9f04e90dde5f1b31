"""One stack of attention and feed-forward blocks: Llama, GPT or BERT, as `ModelConfig` says.

Design decisions
- Llama: RMSNorm before attention and before the feed-forward part, and once at the end; rotary positions on queries
  and keys, the two halves of a head rotated together (the layout of `transformers`); SwiGLU; no biases.
- GPT-2: LayerNorm in the same places, learned positions, GELU, biases. GPT-1: norms after each part, none at the end.
- BERT: as GPT-1, and every position sees every other; a norm over the sum of token, position and segment embeddings.
- Grouped-query attention through PyTorch's scaled_dot_product_attention, which picks Flash where it can.
- Weights start from N(0, 1 / d_model); the two matrices of a block that write to the residual stream start
  smaller by sqrt(2 n_layers), so that its variance does not grow with depth (GPT-2). Biases start at 0.
- Norms and the rotation are computed in float32 whatever the weights are. No dropout: one pass over much text.

Shapes, in tensor names: B sequences, T positions, S positions attended to (cached ones first), D d_model, H
query heads, K key heads, E head width, F hidden width, V vocabulary.
Source: Dubey et al. 2024, "The Llama 3 Herd of Models"; Radford et al. 2018 and 2019 (GPT, GPT-2); Devlin et al. 2019,
"BERT", arXiv:1810.04805.
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


class LayerNorm(nn.Module):
    """(x - mean) / sqrt(variance + eps), scaled and moved. Source: Ba et al. 2016."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.eps = eps

    def forward(self, x_BTD: Tensor) -> Tensor:
        weight, bias = self.weight.float(), self.bias.float()
        return functional.layer_norm(x_BTD.float(), weight.shape, weight, bias, self.eps).type_as(x_BTD)


def _norm(config: ModelConfig) -> nn.Module:
    return {"rms": RMSNorm, "layer": LayerNorm}[config.norm](config.d_model, config.norm_eps)


@dataclass(frozen=True)
class Context:
    """What all blocks are told of the positions: angles of the rotation, and which ones may be attended to.

    Attributes:
        angles: Cosine and sine, float[T, E]; None where positions are learned.
        visible: bool[B, S], false for positions nobody may attend to (padding); None where all may be.
    """

    angles: tuple[Tensor, Tensor] | None
    cache: KVCache | None
    visible: Tensor | None


class Attention(nn.Module):
    """Grouped-query attention. Source: Vaswani et al. 2017; Ainslie et al. 2023; Su et al. 2021 (rotary)."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.layer, self.head_dim = layer, config.head_dim
        self.grouped = config.n_kv_heads != config.n_heads
        self.causal = config.causal
        kv_width = config.n_kv_heads * config.head_dim
        self.q = nn.Linear(config.d_model, config.d_model, bias=config.biases)
        self.k = nn.Linear(config.d_model, kv_width, bias=config.biases)
        self.v = nn.Linear(config.d_model, kv_width, bias=config.biases)
        self.o = nn.Linear(config.d_model, config.d_model, bias=config.biases)

    def forward(self, x_BTD: Tensor, context: Context) -> Tensor:
        q_BHTE, k_BKSE, v_BKSE = (self._heads(part(x_BTD)) for part in (self.q, self.k, self.v))
        if context.angles is not None:
            q_BHTE, k_BKSE = _rotate(q_BHTE, *context.angles), _rotate(k_BKSE, *context.angles)
        if context.cache is not None:
            k_BKSE, v_BKSE = context.cache.extend(self.layer, k_BKSE, v_BKSE)
        mask = self._mask(q_BHTE, k_BKSE, context.visible)
        out_BHTE = functional.scaled_dot_product_attention(
            q_BHTE,
            k_BKSE,
            v_BKSE,
            mask,
            is_causal=self.causal and mask is None and q_BHTE.shape[2] > 1,
            enable_gqa=self.grouped,
        )
        return self.o(out_BHTE.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def _heads(self, x_BTW: Tensor) -> Tensor:
        batch, positions, width = x_BTW.shape
        return x_BTW.view(batch, positions, width // self.head_dim, self.head_dim).transpose(1, 2)

    def _mask(self, q_BHTE: Tensor, k_BKSE: Tensor, visible_BS: Tensor | None) -> Tensor | None:
        """True where a position may attend; None where `is_causal` says it (nothing cached) or none is needed."""
        positions, cached = q_BHTE.shape[2], k_BKSE.shape[2] - q_BHTE.shape[2]
        seen = None if visible_BS is None else visible_BS[:, None, None, :]
        if not self.causal or positions == 1 or (cached == 0 and seen is None):
            return seen
        before = torch.ones(positions, k_BKSE.shape[2], dtype=torch.bool, device=q_BHTE.device).tril(cached)
        return before if seen is None else before & seen


class FeedForward(nn.Module):
    """down(silu(gate(x)) · up(x)), or down(gelu(up(x))). Source: Shazeer 2020; Hendrycks & Gimpel 2016."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.activation = config.activation
        if config.activation == "swiglu":
            self.gate = nn.Linear(config.d_model, config.hidden_dim, bias=config.biases)
        self.up = nn.Linear(config.d_model, config.hidden_dim, bias=config.biases)
        self.down = nn.Linear(config.hidden_dim, config.d_model, bias=config.biases)

    def forward(self, x_BTD: Tensor) -> Tensor:
        up_BTF = self.up(x_BTD)
        if self.activation == "swiglu":
            return self.down(functional.silu(self.gate(x_BTD)) * up_BTF)  # type: ignore[no-any-return]
        return self.down(_gelu(up_BTF, self.activation))  # type: ignore[no-any-return]


def _gelu(x: Tensor, activation: str) -> Tensor:
    return functional.gelu(x, approximate="tanh" if activation == "gelu_tanh" else "none")


class Block(nn.Module):
    """Attention, then feed-forward, each added to the residual stream."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.norm_first = config.norm_first
        self.attention_norm = _norm(config)
        self.attention = Attention(config, layer)
        self.feed_forward_norm = _norm(config)
        self.feed_forward = FeedForward(config)

    def forward(self, x_BTD: Tensor, context: Context) -> Tensor:
        if self.norm_first:
            x_BTD = x_BTD + self.attention(self.attention_norm(x_BTD), context)
            return x_BTD + self.feed_forward(self.feed_forward_norm(x_BTD))  # type: ignore[no-any-return]
        x_BTD = self.attention_norm(x_BTD + self.attention(x_BTD, context))
        return self.feed_forward_norm(x_BTD + self.feed_forward(x_BTD))  # type: ignore[no-any-return]


class MaskedHead(nn.Module):
    """What BERT puts before its output matrix: norm(gelu(dense(x)))."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.d_model, config.d_model)
        self.norm = _norm(config)
        self.activation = config.activation

    def forward(self, x_BTD: Tensor) -> Tensor:
        return self.norm(_gelu(self.dense(x_BTD), self.activation))  # type: ignore[no-any-return]


class Transformer(nn.Module):
    """Token ids to logits: of the next token for a decoder, of the token itself for an encoder.

    Args:
        config: Shape of the model.
        seed: Of the initial weights; the same seed gives the same weights on every machine.
    """

    def __init__(self, config: ModelConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        if config.positions == "learned":
            self.position_embedding = nn.Embedding(config.max_positions, config.d_model)
        if config.segments:
            self.segment_embedding = nn.Embedding(config.segments, config.d_model)
        self.embedding_norm = None if config.causal or config.norm_first else _norm(config)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.n_layers))
        if config.norm_first:
            self.norm = _norm(config)
        if config.pooler:
            self.pooler = nn.Linear(config.d_model, config.d_model)
        if config.masked_head:
            self.masked_head = MaskedHead(config)
        self.head = nn.Linear(config.d_model, config.vocab_size, bias=config.masked_head)
        if config.tied_embeddings:
            self.head.weight = self.embedding.weight
        self._initialise(seed)

    def forward(
        self,
        tokens_BT: Tensor,
        cache: KVCache | None = None,
        segments_BT: Tensor | None = None,
        visible_BS: Tensor | None = None,
    ) -> Tensor:
        """Logits, float[B, T, V]; see `hidden`."""
        x_BTD = self.hidden(tokens_BT, cache, segments_BT, visible_BS)
        if self.config.masked_head:
            x_BTD = self.masked_head(x_BTD)
        return self.head(x_BTD)  # type: ignore[no-any-return]

    def hidden(
        self,
        tokens_BT: Tensor,
        cache: KVCache | None = None,
        segments_BT: Tensor | None = None,
        visible_BS: Tensor | None = None,
    ) -> Tensor:
        """What the stack makes of each position, float[B, T, D].

        Args:
            tokens_BT: int64.
            cache: Positions go on from those in it, and join them; decoders only.
            segments_BT: Segment of each token, int64; None: all in segment 0.
            visible_BS: False where there is only padding, bool; None: nowhere.
        """
        start, positions = cache.used if cache is not None else 0, tokens_BT.shape[1]
        x_BTD = self._embed(tokens_BT, start, segments_BT)
        angles = self._angles(start, positions, x_BTD.device) if self.config.positions == "rotary" else None
        context = Context(angles, cache, visible_BS)
        for block in self.blocks:
            x_BTD = block(x_BTD, context)
        if cache is not None:
            cache.used += positions
        return self.norm(x_BTD) if self.config.norm_first else x_BTD

    def pool(self, hidden_BTD: Tensor) -> Tensor:
        """The whole sequence in one vector, float[B, D]: tanh(pooler(first position))."""
        return torch.tanh(self.pooler(hidden_BTD[:, 0]))

    def _embed(self, tokens_BT: Tensor, start: int, segments_BT: Tensor | None) -> Tensor:
        x_BTD = self.embedding(tokens_BT)
        if self.config.positions == "learned":
            x_BTD = x_BTD + self.position_embedding.weight[start : start + tokens_BT.shape[1]]
        if self.config.segments:
            x_BTD = x_BTD + self.segment_embedding(torch.zeros_like(tokens_BT) if segments_BT is None else segments_BT)
        return x_BTD if self.embedding_norm is None else self.embedding_norm(x_BTD)  # type: ignore[no-any-return]

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
