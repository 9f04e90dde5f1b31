"""An encoder and a decoder that attends to it: T5 and BART, two stacks of the blocks of `model.transformer`.

Design decisions
- T5: RMSNorm before each part, no biases, scores not divided, distances in buckets: one bias a head, shared by all
  blocks of a stack, none between decoder and encoder. ReLU and a tied, scaled output matrix (1.0), or gated GELU and
  a matrix of its own (1.1).
- BART: LayerNorm after each part and after the embeddings, learned positions of either side, GELU, biases.
- A decoder's first token is `start_id`, as in both papers: the padding token's id for T5.

Shapes, in tensor names: B sequences, T positions of the decoder, S of the encoder, D d_model, V vocabulary.
Source: Raffel et al. 2020, arXiv:1910.10683; Shazeer 2020, arXiv:2002.05202; Lewis et al. 2019, arXiv:1910.13461.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.attention import Context, KVCache
from model.config import ModelConfig
from model.documents import Documents
from model.transformer import Stack, initialise


@dataclass(frozen=True)
class PackedPairs:
    """Packed documents on both sides: who sees whom in the encoder, in the decoder, and between them."""

    encoder: Documents
    decoder: Documents
    between: Documents

    def to(self, device: torch.device) -> PackedPairs:
        """On another device."""
        return PackedPairs(self.encoder.to(device), self.decoder.to(device), self.between.to(device))


class EncoderDecoder(nn.Module):
    """Ids of a source and of what is written so far to logits of what comes next.

    Args:
        config: Shape of the model.
        seed: Of the initial weights.
    """

    def __init__(self, config: ModelConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.encoder = Stack(config, config.n_layers, causal=False)
        self.decoder = Stack(config, config.decoder_layers, causal=True, crossed=True)
        self.head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        if config.tied_embeddings:
            self.head.weight = self.embedding.weight
        initialise(self, config, seed)

    def forward(
        self,
        source_BS: Tensor,
        tokens_BT: Tensor,
        visible_BS: Tensor | None = None,
        packed: PackedPairs | None = None,
    ) -> Tensor:
        """Logits of what follows each decoder token, float[B, T, V]."""
        memory_BSD = self.encode(source_BS, visible_BS, packed.encoder if packed else None)
        x_BTD = self.decode(tokens_BT, memory_BSD, visible_BS, packed=packed)
        return self.head(self.before_head(x_BTD))  # type: ignore[no-any-return]

    def encode(self, source_BS: Tensor, visible_BS: Tensor | None = None, documents: Documents | None = None) -> Tensor:
        """What the encoder makes of the source, float[B, S, D]; `visible_BS` is false for padding."""
        x_BSD = self.encoder.place(self.embedding(source_BS), 0)
        return self.encoder.run(x_BSD, visible_BS=visible_BS, documents=documents)

    def decode(
        self,
        tokens_BT: Tensor,
        memory_BSD: Tensor,
        visible_BS: Tensor | None = None,
        cache: KVCache | None = None,
        packed: PackedPairs | None = None,
    ) -> Tensor:
        """What the decoder makes of each of its tokens, float[B, T, D]; a cache goes on from earlier ones."""
        x_BTD = self.embed(tokens_BT, cache.used if cache is not None else 0)
        crossing = Context(cache=cache, visible=visible_BS, documents=packed.between if packed else None)
        if crossing.documents is not None and x_BTD.is_cuda:
            crossing = Context(documents=crossing.documents, blocks=crossing.documents.block_mask(causal=False))
        own = packed.decoder if packed else None
        return self.decoder.run(x_BTD, cache, documents=own, memory_BSD=memory_BSD, crossing=crossing)

    def embed(self, tokens_BT: Tensor, start: int = 0, positions_BT: Tensor | None = None) -> Tensor:
        """What stands for each of the decoder's tokens and its learned position, float[B, T, D]."""
        return self.decoder.place(self.embedding(tokens_BT), start, positions_BT)

    def before_head(self, x_BTD: Tensor) -> Tensor:
        """What lies between the decoder and the output matrix; in any shape [..., D]."""
        return x_BTD * self.config.d_model**-0.5 if self.config.scaled_head else x_BTD
