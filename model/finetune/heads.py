"""A language model and, on top of what it makes of each position, what a task asks of it.

Shapes, in tensor names: B sequences, T positions, D width of the features, L layers, C classes, W words.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.bilstm import BiLstm, LayerMix
from model.build import LanguageModel
from model.encoder_decoder import EncoderDecoder
from model.finetune.config import FinetuneConfig, Task
from model.transformer import Stack, Transformer


@dataclass(frozen=True)
class Shown:
    """What a model is shown: sequences padded on the right.

    Attributes:
        tokens: int64[B, T].
        segments: int64[B, T].
        visible: False for padding, bool[B, T].
        pad_id: What fills; a T5's decoder begins with it.
    """

    tokens: Tensor
    segments: Tensor
    visible: Tensor
    pad_id: int

    @property
    def lengths(self) -> Tensor:
        """Tokens that are no padding, int64[B]."""
        return self.visible.sum(1)


class TaskModel(nn.Module):
    """A model with a head.

    Args:
        body: The language model.
        task: What is asked.
        outputs: Numbers the head gives of a text or a position: classes, tags, 1, or 2 for spans.
        config: Mode, pooling, dropout.
        seed: Of the head's weights.
    """

    def __init__(self, body: LanguageModel, task: Task, outputs: int, config: FinetuneConfig, seed: int) -> None:
        super().__init__()
        self.body, self.task, self.pooling = body, task, pooling_of(body, config)
        self.mix = LayerMix(layer_count(body), normalise=True) if config.mode == "frozen" else None
        self.dropout = nn.Dropout(config.dropout)
        width = body.config.d_model * (2 if isinstance(body, BiLstm) else 1)
        self.head: nn.Linear | None = None
        if task != "instruction":
            generator = torch.Generator().manual_seed(seed)
            self.head = nn.Linear(width, outputs)
            with torch.no_grad():
                self.head.weight.normal_(0.0, 0.02, generator=generator)
                self.head.bias.zero_()

    def forward(self, shown: Shown) -> Tensor:
        """Logits: of a text, float[B, C]; of each position, float[B, T, C]; instruction: features, float[B, T, D]."""
        features_BTD = self.features(shown)
        if self.head is None:
            return features_BTD
        if self.task in ("tagging", "qa"):
            return self.head(self.dropout(features_BTD))  # type: ignore[no-any-return]
        return self.head(self.dropout(self.pool(features_BTD, shown)))  # type: ignore[no-any-return]

    def features(self, shown: Shown) -> Tensor:
        """What the task reads of each position, float[B, T, D]: the last layer, or a learned mix of all."""
        if self.mix is None:
            return last_layer(self.body, shown)
        with torch.no_grad():
            layers_LBTD = all_layers(self.body, shown)
        return self.mix(layers_LBTD)  # type: ignore[no-any-return]

    def pool(self, features_BTD: Tensor, shown: Shown) -> Tensor:
        """The whole text in one vector, float[B, D]."""
        if self.pooling == "pooler" and self.mix is None:
            assert isinstance(self.body, Transformer)
            return self.body.pool(features_BTD)
        if self.pooling in ("first", "pooler"):
            return features_BTD[:, 0]
        if self.pooling == "last":
            return features_BTD[torch.arange(len(features_BTD), device=features_BTD.device), shown.lengths - 1]
        weights = shown.visible[..., None].to(features_BTD.dtype)
        return (features_BTD * weights).sum(1) / weights.sum(1)


def pooling_of(body: LanguageModel, config: FinetuneConfig) -> str:
    """How a text becomes one vector; see `FinetuneConfig.pooling`."""
    if config.pooling != "auto":
        return config.pooling
    if body.config.pooler:
        return "pooler"
    return "last" if body.config.kind == "decoder" else "mean"


def layer_count(body: LanguageModel) -> int:
    """L: blocks (of an encoder, where there are two stacks) and the embedding below them."""
    return body.config.n_layers + 1


def last_layer(body: LanguageModel, shown: Shown) -> Tensor:
    """What the model makes of each position, float[B, T, D]; of a T5 its encoder's."""
    if isinstance(body, BiLstm):
        return body.hidden(shown.tokens, shown.lengths)
    if isinstance(body, EncoderDecoder):
        return body.encode(shown.tokens, shown.visible)
    segments = shown.segments if body.config.segments > 1 else None
    # padding lies behind: a decoder never sees it
    visible = None if body.config.causal or bool(shown.visible.all()) else shown.visible
    return body.hidden(shown.tokens, segments_BT=segments, visible_BS=visible)


def all_layers(body: LanguageModel, shown: Shown) -> Tensor:
    """Every layer's output, the embeddings first and the last one as the model gives it on; float[L, B, T, D]."""
    if isinstance(body, BiLstm):
        return body.layers(shown.tokens, shown.lengths)
    stack: Stack = body.encoder if isinstance(body, EncoderDecoder) else body
    found: list[Tensor] = []
    hooks = [block.register_forward_pre_hook(lambda module, given: found.append(given[0])) for block in stack.blocks]
    try:
        last_BTD = last_layer(body, shown)
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack([*found, last_BTD])
