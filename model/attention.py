"""Attention, one class for all: grouped queries, causal or not, to itself or to an encoder's output.

Positions come in four ways (`ModelConfig.positions`): turned into queries and keys (rotary), as a bias by distance
(relative, T5), as a bias by distance and content (transformer_xl), or not at all here (learned).

Shapes, in tensor names: B sequences, T positions, S positions attended to (cached ones first), D d_model, H
query heads, K key heads, E head width.
Source: Vaswani et al. 2017; Ainslie et al. 2023 (grouped); Dai et al. 2019 (transformer_xl).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention.flex_attention import BlockMask

from model.config import ModelConfig
from model.documents import Documents
from model.positions import rotate


@dataclass
class KVCache:
    """Keys and values of the positions seen so far, float[B, S, K, E] a layer; `used` of S are filled.

    `crossed` holds those of an encoder's output, made once. All stay where they are in memory: a graph of
    `model.stepping` knows them by address.
    """

    keys: list[Tensor]
    values: list[Tensor]
    used: int = 0
    crossed: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)

    @classmethod
    def empty(cls, config: ModelConfig, batch: int, positions: int, like: Tensor) -> KVCache:
        """Room for `positions` positions, with the device and type of `like`.

        Of zeros: what is not filled yet is read, weighted by 0, and 0 times what may lie there is not always 0.
        """
        shape = (batch, positions, config.n_kv_heads, config.head_dim)
        keys = [like.new_zeros(shape) for _ in range(config.decoder_layers or config.n_layers)]
        return cls(keys, [torch.zeros_like(key) for key in keys])

    def extend(self, layer: int, k_BTKE: Tensor, v_BTKE: Tensor) -> tuple[Tensor, Tensor]:
        """Write the new positions of one layer; keys and values of all positions so far."""
        end = self.used + k_BTKE.shape[1]
        self.keys[layer][:, self.used : end] = k_BTKE
        self.values[layer][:, self.used : end] = v_BTKE
        return self.keys[layer][:, :end], self.values[layer][:, :end]

    def select(self, rows: Tensor) -> None:
        """Go on with these rows, int64[B]: what a beam search keeps."""
        for kept in (*self.keys, *self.values):
            kept[:, : self.used] = kept[rows, : self.used]
        for pair in self.crossed.values():
            for kept in pair:
                kept.copy_(kept[rows])


@dataclass(frozen=True)
class Slot:
    """One layer's part in a step of fixed shapes: see `model.stepping`.

    Attributes:
        keys, values: Of the whole room, float[B, S, K, E].
        at: Where the one new position is written, int64[1].
        reach: Positions that are read, from the first; those not filled yet are masked by who calls.
        crossed: Keys and values of an encoder's output.
    """

    keys: Tensor
    values: Tensor
    at: Tensor
    reach: int
    crossed: tuple[Tensor, Tensor] | None = None

    def write(self, k_BTKE: Tensor, v_BTKE: Tensor) -> tuple[Tensor, Tensor]:
        """Write the new position; keys and values of all within reach."""
        self.keys.index_copy_(1, self.at, k_BTKE)
        self.values.index_copy_(1, self.at, v_BTKE)
        return self.keys[:, : self.reach], self.values[:, : self.reach]


@dataclass(frozen=True)
class Context:
    """What all blocks are told of the positions, and which ones may be attended to.

    Attributes:
        angles: Cosine and sine of the rotation, float[T, E]; None where positions are not rotary.
        bias: Added to the scores by distance, float[1, H, T, S]; T5.
        waves: Sines of distances 0, 1, 2..., float[S, D]; Transformer-XL.
        slot: In place of a cache in a step of fixed shapes.
        visible: bool[B, S], false for positions nobody may attend to (padding); None where all may be.
        documents: Packed documents that do not see each other; None: a row is one document.
        blocks: Their block mask, where FlexAttention is used.
    """

    angles: tuple[Tensor, Tensor] | None = None
    bias: Tensor | None = None
    waves: Tensor | None = None
    cache: KVCache | None = None
    visible: Tensor | None = None
    documents: Documents | None = None
    blocks: BlockMask | None = None
    slot: Slot | None = None


class Attention(nn.Module):
    """Softmax(scores) · values, between matrices.

    Args:
        config: Shape of the model.
        layer: Number of the block, for the cache.
        causal: A position sees only those before it.
        positions: How positions come in; None: not at all.
    """

    def __init__(self, config: ModelConfig, layer: int, causal: bool, positions: str | None) -> None:
        super().__init__()
        self.layer, self.causal, self.head_dim = layer, causal, config.head_dim
        self.grouped = config.n_kv_heads != config.n_heads
        self.scale = config.head_dim**-0.5 if config.scaled_attention else 1.0
        width, kv_width = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim
        self.q = nn.Linear(config.d_model, width, bias=config.biases)
        self.k = nn.Linear(config.d_model, kv_width, bias=config.biases)
        self.v = nn.Linear(config.d_model, kv_width, bias=config.biases)
        self.o = nn.Linear(width, config.d_model, bias=config.biases)
        self.by_content = positions == "transformer_xl"
        if self.by_content:
            self.distance = nn.Linear(config.d_model, width, bias=False)
            self.content_bias = nn.Parameter(torch.zeros(width))
            self.distance_bias = nn.Parameter(torch.zeros(width))

    def forward(self, x_BTD: Tensor, context: Context, memory_BSD: Tensor | None = None) -> Tensor:
        """What each position takes from those it sees, float[B, T, D].

        Args:
            memory_BSD: What to attend to; None: `x_BTD` and what is cached of it.
        """
        q_BTHE = self._heads(self.q(x_BTD))
        k_BSKE, v_BSKE = self._keys_values(x_BTD, context, memory_BSD)
        if context.angles is not None:
            q_BTHE = rotate(q_BTHE, context.angles)

        def attend(q: Tensor, k: Tensor, v: Tensor, visible: Tensor | None) -> Tensor:
            # what makes up a length lies behind: causal attention does not see it
            return self._attend(q, k, v, None if self.causal else visible, context)

        if context.documents is None:
            out_BTHE = self._attend(q_BTHE, k_BSKE, v_BSKE, context.visible, context)
        elif context.blocks is not None:
            out_BTHE = context.documents.attend_blocks(q_BTHE, k_BSKE, v_BSKE, self.scale, context.blocks)
        else:
            out_BTHE = context.documents.attend(attend, q_BTHE, k_BSKE, v_BSKE)
        return self.o(out_BTHE.flatten(2))  # type: ignore[no-any-return]

    def _heads(self, x_BTW: Tensor) -> Tensor:
        return x_BTW.view(*x_BTW.shape[:-1], -1, self.head_dim)

    def _keys_values(self, x_BTD: Tensor, context: Context, memory_BSD: Tensor | None) -> tuple[Tensor, Tensor]:
        cache, slot = context.cache, context.slot
        if slot is not None and slot.crossed is not None:
            return slot.crossed
        if memory_BSD is not None and cache is not None and self.layer in cache.crossed:
            return cache.crossed[self.layer]
        source = x_BTD if memory_BSD is None else memory_BSD
        k_BSKE, v_BSKE = self._heads(self.k(source)), self._heads(self.v(source))
        if context.angles is not None:
            k_BSKE = rotate(k_BSKE, context.angles)
        if slot is not None:
            return slot.write(k_BSKE, v_BSKE)
        if cache is None:
            return k_BSKE, v_BSKE
        if memory_BSD is None:
            return cache.extend(self.layer, k_BSKE, v_BSKE)
        cache.crossed[self.layer] = k_BSKE, v_BSKE
        return k_BSKE, v_BSKE

    def _attend(
        self, q_BTHE: Tensor, k_BSKE: Tensor, v_BSKE: Tensor, visible: Tensor | None, context: Context
    ) -> Tensor:
        """Dense attention of each row, [B, T, H, E]."""
        q_BHTE, k_BKSE, v_BKSE = (x.transpose(1, 2) for x in (q_BTHE, k_BSKE, v_BSKE))
        bias = self._bias(q_BHTE, k_BKSE.shape[2], context)
        if self.by_content:
            q_BHTE = q_BHTE + self._heads(self.content_bias)[:, None]
        mask = self._mask(q_BHTE, k_BKSE.shape[2], visible, bias)
        causal = self.causal and mask is None and q_BHTE.shape[2] > 1
        if context.slot is not None and self.grouped:
            return self._attend_grouped(q_BHTE, k_BKSE, v_BKSE, mask)
        out_BHTE = functional.scaled_dot_product_attention(
            q_BHTE, k_BKSE, v_BKSE, mask, is_causal=causal, scale=self.scale, enable_gqa=self.grouped
        )
        return out_BHTE.transpose(1, 2)

    def _attend_grouped(self, q_BHTE: Tensor, k_BKSE: Tensor, v_BKSE: Tensor, mask: Tensor | None) -> Tensor:
        """One position, whose query heads of a group are as many positions of its key head: no key is repeated, and
        a mask shuts no kernel out."""
        batch, heads, _, _ = q_BHTE.shape
        q_BKGE = q_BHTE.view(batch, k_BKSE.shape[1], -1, self.head_dim)
        if mask is not None and mask.shape[1] == heads:
            mask = mask.view(*q_BKGE.shape[:3], -1)
        out_BKGE = functional.scaled_dot_product_attention(q_BKGE, k_BKSE, v_BKSE, mask, scale=self.scale)
        return out_BKGE.reshape(batch, 1, heads, self.head_dim)

    def _bias(self, q_BHTE: Tensor, seen: int, context: Context) -> Tensor | None:
        """What distance adds to the scores, float[B or 1, H, T, S]."""
        if context.bias is not None:
            return context.bias[:, :, : q_BHTE.shape[2], :seen]
        if context.waves is None:
            return None
        r_HSE = self._heads(self.distance(context.waves[:seen])).transpose(0, 1)
        by_distance = (q_BHTE + self._heads(self.distance_bias)[:, None]) @ r_HSE.transpose(1, 2) * self.scale
        here = torch.arange(seen - q_BHTE.shape[2], seen, device=q_BHTE.device)[:, None]
        if context.slot is not None:
            here = context.slot.at[:, None]
        distance_TS = (here - torch.arange(seen, device=q_BHTE.device)).clamp(min=0)
        return by_distance.gather(-1, distance_TS.expand_as(by_distance))

    def _mask(self, q_BHTE: Tensor, seen: int, visible_BS: Tensor | None, bias: Tensor | None) -> Tensor | None:
        """What is added to the scores, or true where a position may attend; None where `is_causal` says it all."""
        positions = q_BHTE.shape[2]
        mask = None if visible_BS is None else visible_BS[:, None, None, :]
        if self.causal and positions > 1 and (positions != seen or mask is not None or bias is not None):
            before = torch.ones(positions, seen, dtype=torch.bool, device=q_BHTE.device).tril(seen - positions)
            mask = before if mask is None else before & mask
        if bias is None or mask is None:
            return bias if mask is None else mask
        return bias.masked_fill(~mask, torch.finfo(bias.dtype).min)
