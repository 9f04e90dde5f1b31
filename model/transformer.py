"""One stack of attention and feed-forward blocks: Llama, GPT or BERT, as `ModelConfig` says; T5 is two of them.

Design decisions
- Llama: RMSNorm before attention and before the feed-forward part, and once at the end; rotary positions on queries
  and keys, the two halves of a head rotated together (the layout of `transformers`); SwiGLU; no biases.
- GPT-2: LayerNorm in the same places, learned positions, GELU, biases. GPT-1: norms after each part, none at the end.
- BERT: as GPT-1, and every position sees every other; a norm over the sum of token, position and segment embeddings.
- Chinchilla: RMSNorm, GELU, and Transformer-XL's relative attention (Gopher's network, Rae et al. 2021, section 3.1).
- Grouped-query attention through PyTorch's scaled_dot_product_attention, which picks Flash where it can.
- Weights start from N(0, 1 / d_model); the two matrices of a block that write to the residual stream start
  smaller by sqrt(2 n_layers), so that its variance does not grow with depth (GPT-2). Biases start at 0.
- Norms and the rotation are computed in float32 whatever the weights are. No dropout: one pass over much text.
- The neighbours: `model.attention` and `model.documents` (who sees whom), `model.positions`, `model.norms`,
  `model.encoder_decoder` (T5, BART), `model.bilstm` (ELMo), `model.build` (which of them a configuration means).

Shapes, in tensor names: B sequences, T positions, S positions attended to (cached ones first), D d_model, H
query heads, K key heads, E head width, F hidden width, V vocabulary.
Source: Dubey et al. 2024, "The Llama 3 Herd of Models"; Radford et al. 2018 and 2019 (GPT, GPT-2); Devlin et al. 2019,
"BERT", arXiv:1810.04805.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.attention import Attention, Context, KVCache
from model.config import ModelConfig
from model.documents import Documents
from model.norms import make_norm
from model.positions import distance_buckets, distance_waves, rotary_angles


class FeedForward(nn.Module):
    """down(act(up(x))), or with a gate down(act(gate(x)) · up(x)). Source: Shazeer 2020; Hendrycks & Gimpel 2016."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.activation = config.activation
        if config.gated:
            self.gate = nn.Linear(config.d_model, config.hidden_dim, bias=config.biases)
        self.up = nn.Linear(config.d_model, config.hidden_dim, bias=config.biases)
        self.down = nn.Linear(config.hidden_dim, config.d_model, bias=config.biases)

    def forward(self, x_BTD: Tensor) -> Tensor:
        up_BTF = self.up(x_BTD)
        if self.activation in ("swiglu", "geglu"):
            return self.down(_activate(self.gate(x_BTD), self.activation) * up_BTF)  # type: ignore[no-any-return]
        return self.down(_activate(up_BTF, self.activation))  # type: ignore[no-any-return]


def _activate(x: Tensor, activation: str) -> Tensor:
    if activation == "swiglu":
        return functional.silu(x)
    if activation == "relu":
        return functional.relu(x)
    return functional.gelu(x, approximate="none" if activation == "gelu" else "tanh")


class Block(nn.Module):
    """Attention, in a decoder attention to an encoder's output, then feed-forward: each added to the stream."""

    def __init__(self, config: ModelConfig, layer: int, causal: bool, crossed: bool = False) -> None:
        super().__init__()
        self.norm_first = config.norm_first
        self.attention_norm = make_norm(config)
        self.attention = Attention(config, layer, causal, config.positions)
        if crossed:
            self.cross_norm = make_norm(config)
            self.cross_attention = Attention(config, layer, causal=False, positions=None)
        self.feed_forward_norm = make_norm(config)
        self.feed_forward = FeedForward(config)

    def forward(
        self, x_BTD: Tensor, context: Context, memory_BSD: Tensor | None = None, crossing: Context | None = None
    ) -> Tensor:
        if self.norm_first:
            x_BTD = x_BTD + self.attention(self.attention_norm(x_BTD), context)
            if crossing is not None:
                x_BTD = x_BTD + self.cross_attention(self.cross_norm(x_BTD), crossing, memory_BSD)
            return x_BTD + self.feed_forward(self.feed_forward_norm(x_BTD))  # type: ignore[no-any-return]
        x_BTD = self.attention_norm(x_BTD + self.attention(x_BTD, context))
        if crossing is not None:
            x_BTD = self.cross_norm(x_BTD + self.cross_attention(x_BTD, crossing, memory_BSD))
        return self.feed_forward_norm(x_BTD + self.feed_forward(x_BTD))  # type: ignore[no-any-return]


class Stack(nn.Module):
    """Blocks, what they need to know of positions, and the norm at the end.

    Args:
        config: Shape of the model.
        layers: Number of blocks.
        causal: A position sees only those before it.
        crossed: Blocks also attend to an encoder's output.
    """

    def __init__(self, config: ModelConfig, layers: int, causal: bool, crossed: bool = False) -> None:
        super().__init__()
        self.config, self.causal = config, causal
        if config.positions == "learned":
            self.position_embedding = nn.Embedding(config.max_positions, config.d_model)
        if config.positions == "relative":
            self.relative_bias = nn.Embedding(config.relative_buckets, config.n_heads)
        self.embedding_norm = make_norm(config) if self._norms_input() else None
        self.blocks = nn.ModuleList(Block(config, layer, causal, crossed) for layer in range(layers))
        if config.norm_first:
            self.norm = make_norm(config)

    def _norms_input(self) -> bool:
        return not self.config.norm_first and (not self.causal or self.config.decoder_layers > 0)

    def run(
        self,
        x_BTD: Tensor,
        cache: KVCache | None = None,
        visible_BS: Tensor | None = None,
        documents: Documents | None = None,
        memory_BSD: Tensor | None = None,
        crossing: Context | None = None,
    ) -> Tensor:
        """What the stack makes of embedded tokens, learned positions included; float[B, T, D]."""
        x_BTD = self.begin(x_BTD)
        context = self._context(x_BTD, cache, visible_BS, documents)
        for block in self.blocks:
            x_BTD = block(x_BTD, context, memory_BSD, crossing)
        if cache is not None:
            cache.used += x_BTD.shape[1]
        return self.finish(x_BTD)

    def begin(self, x_BTD: Tensor) -> Tensor:
        """What lies between the embeddings' sum and the blocks: BERT's and BART's norm."""
        return x_BTD if self.embedding_norm is None else self.embedding_norm(x_BTD)

    def finish(self, x_BTD: Tensor) -> Tensor:
        """What lies behind the blocks: a norm, where they have theirs first."""
        return self.norm(x_BTD) if self.config.norm_first else x_BTD

    def place(self, x_BTD: Tensor, start: int, positions_BT: Tensor | None = None) -> Tensor:
        """Add learned positions, where there are any; by default they count from `start`."""
        if self.config.positions != "learned":
            return x_BTD
        if positions_BT is not None:
            return x_BTD + self.position_embedding(positions_BT)  # type: ignore[no-any-return]
        return x_BTD + self.position_embedding.weight[start : start + x_BTD.shape[1]]

    def _context(
        self, x_BTD: Tensor, cache: KVCache | None, visible_BS: Tensor | None, documents: Documents | None
    ) -> Context:
        start, positions = cache.used if cache is not None else 0, x_BTD.shape[1]
        kind, device = self.config.positions, x_BTD.device
        angles = rotary_angles(self.config, start, positions, device) if kind == "rotary" else None
        here_T = torch.arange(start, start + positions, device=device) if kind == "relative" else None
        bias = self.bias(here_T, start + positions).type_as(x_BTD) if here_T is not None else None
        waves = distance_waves(self.config.d_model, start + positions, x_BTD) if kind == "transformer_xl" else None
        plain = bias is None and waves is None
        blocks = documents.block_mask(self.causal) if documents is not None and plain and x_BTD.is_cuda else None
        return Context(angles, bias, waves, cache, visible_BS, documents, blocks)

    def bias(self, queries_T: Tensor, seen: int) -> Tensor:
        """T5's bias of each distance between those positions and the first `seen`, float[1, H, T, S]."""
        buckets_TS = distance_buckets(self.config, queries_T, seen, self.causal)
        return self.relative_bias(buckets_TS).permute(2, 0, 1)[None]  # type: ignore[no-any-return]


class MaskedHead(nn.Module):
    """What BERT puts before its output matrix: norm(gelu(dense(x)))."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.d_model, config.d_model)
        self.norm = make_norm(config)
        self.activation = config.activation

    def forward(self, x_BTD: Tensor) -> Tensor:
        return self.norm(_activate(self.dense(x_BTD), self.activation))  # type: ignore[no-any-return]


class Transformer(Stack):
    """Token ids to logits: of the next token for a decoder, of the token itself for an encoder.

    Args:
        config: Shape of the model.
        seed: Of the initial weights; the same seed gives the same weights on every machine.
    """

    def __init__(self, config: ModelConfig, seed: int = 0) -> None:
        super().__init__(config, config.n_layers, config.causal)
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        if config.segments:
            self.segment_embedding = nn.Embedding(config.segments, config.d_model)
        if config.pooler:
            self.pooler = nn.Linear(config.d_model, config.d_model)
        if config.pair_head:
            self.pair_head = nn.Linear(config.d_model, 2)
        if config.masked_head:
            self.masked_head = MaskedHead(config)
        self.head = nn.Linear(config.d_model, config.vocab_size, bias=config.masked_head)
        if config.tied_embeddings:
            self.head.weight = self.embedding.weight
        initialise(self, config, seed)

    def forward(
        self,
        tokens_BT: Tensor,
        cache: KVCache | None = None,
        segments_BT: Tensor | None = None,
        visible_BS: Tensor | None = None,
        documents: Documents | None = None,
        positions_BT: Tensor | None = None,
    ) -> Tensor:
        """Logits, float[B, T, V]; see `hidden`."""
        x_BTD = self.hidden(tokens_BT, cache, segments_BT, visible_BS, documents, positions_BT)
        return self.head(self.before_head(x_BTD))  # type: ignore[no-any-return]

    def hidden(
        self,
        tokens_BT: Tensor,
        cache: KVCache | None = None,
        segments_BT: Tensor | None = None,
        visible_BS: Tensor | None = None,
        documents: Documents | None = None,
        positions_BT: Tensor | None = None,
    ) -> Tensor:
        """What the stack makes of each position, float[B, T, D].

        Args:
            tokens_BT: int64.
            cache: Positions go on from those in it, and join them; decoders only.
            segments_BT: Segment of each token, int64; None: all in segment 0.
            visible_BS: False where there is only padding, bool; None: nowhere.
            documents: Packed documents, which do not see each other; None: each row is one.
            positions_BT: Learned position of each token, int64; None: they count on. Others are relative: the
                distance of two tokens is the same whatever position they start from.
        """
        x_BTD = self.embed(tokens_BT, cache.used if cache is not None else 0, positions_BT, segments_BT)
        return self.run(x_BTD, cache, visible_BS, documents)

    def embed(
        self,
        tokens_BT: Tensor,
        start: int = 0,
        positions_BT: Tensor | None = None,
        segments_BT: Tensor | None = None,
    ) -> Tensor:
        """The sum of what stands for each token, its learned position (see `place`) and its segment, float[B, T, D]."""
        x_BTD = self.place(self.embedding(tokens_BT), start, positions_BT)
        if self.config.segments:
            x_BTD = x_BTD + self.segment_embedding(torch.zeros_like(tokens_BT) if segments_BT is None else segments_BT)
        return x_BTD

    def before_head(self, x_BTD: Tensor) -> Tensor:
        """What lies between the stack and the output matrix; of any positions, in any shape [..., D]."""
        if self.config.masked_head:
            x_BTD = self.masked_head(x_BTD)
        return x_BTD * self.config.d_model**-0.5 if self.config.scaled_head else x_BTD

    def pool(self, hidden_BTD: Tensor) -> Tensor:
        """The whole sequence in one vector, float[B, D]: tanh(pooler(first position))."""
        return torch.tanh(self.pooler(hidden_BTD[:, 0]))

    def judge_pairs(self, hidden_BTD: Tensor) -> Tensor:
        """Logits of "the second piece follows the first" and of "it does not", float[B, 2]."""
        return self.pair_head(self.pool(hidden_BTD))  # type: ignore[no-any-return]


@torch.no_grad()
def initialise(model: nn.Module, config: ModelConfig, seed: int) -> None:
    """Draw all matrices and set biases to 0; those of a seed are the same on every machine."""
    generator = torch.Generator().manual_seed(seed)
    std = config.init_std or config.d_model**-0.5
    residual_std = std / math.sqrt(2 * (config.n_layers + config.decoder_layers))
    for name, weight in sorted(model.named_parameters(), key=lambda named: "embedding" not in named[0]):
        if weight.is_meta:
            continue
        if weight.ndim == 1:
            if name.endswith(".bias"):
                weight.zero_()  # PyTorch has drawn it, from a generator that no seed of ours rules
            continue
        scale = std
        if name.endswith(("attention.o.weight", "feed_forward.down.weight")):
            scale = residual_std
        elif name.endswith("attention.q.weight") and not config.scaled_attention:
            scale = std * config.head_dim**-0.5  # what dividing the scores does elsewhere (T5)
        elif name == "embedding.weight" and config.scaled_head:
            scale = 1.0  # the output is divided instead (T5)
        weight.normal_(0.0, scale, generator=generator)
