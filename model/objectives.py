"""What a model is asked to do: sums and counts of losses, so that batches of any size add up.

One step's loss is the mean over all its targets, wherever they were computed: parts of a batch and ranks give sums,
which are divided by the number of targets of the whole step (`Totals`), known from preparing the batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import torch
from torch import Tensor
from torch.nn import functional

from model.bilstm import BiLstm
from model.build import LanguageModel
from model.encoder_decoder import EncoderDecoder
from model.loss import Loss, head_loss
from model.noise import IGNORED
from model.prepare import Prepared
from model.transformer import Transformer


@dataclass(frozen=True)
class Totals:
    """Targets of a whole step: over all parts and all ranks. Tokens, and pairs judged."""

    tokens: int
    pairs: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(self.tokens + other.tokens, self.pairs + other.pairs)


def totals_of(prepared: Prepared) -> Totals:
    """Targets of one part."""
    return Totals(prepared.target_count, prepared.pair_count)


@dataclass(frozen=True)
class Losses:
    """Sums of losses in nats, float32: of tokens, and of pairs judged."""

    tokens: Tensor
    pairs: Tensor | None = None

    def share(self, totals: Totals) -> Tensor:
        """This part's share of the step's mean loss: the shares of all parts add up to it."""
        share = self.tokens / max(totals.tokens, 1)
        return share if self.pairs is None else share + self.pairs / max(totals.pairs, 1)


def losses_of(model: LanguageModel, prepared: Prepared, z_loss: float = 0.0) -> Losses:
    """Losses of everything a prepared batch asks for."""
    if isinstance(model, BiLstm):
        there, back = model.directions(prepared.tokens, prepared.lengths)
        before = prepared.before if prepared.before is not None else prepared.targets
        sides = ((there[-1], prepared.targets), (back[-1], before))
        return Losses(sum((_asked(model, x, targets, z_loss) for x, targets in sides), torch.zeros(())))
    if isinstance(model, EncoderDecoder):
        source = prepared.source if prepared.source is not None else prepared.tokens
        packed = prepared.packed
        memory = model.encode(source, prepared.visible, packed.encoder if packed else None)
        hidden = model.decode(prepared.tokens, memory, prepared.visible, packed=packed)
        return Losses(_asked(model, hidden, prepared.targets, z_loss))
    if isinstance(model, Transformer):
        hidden = model.hidden(
            prepared.tokens,
            segments_BT=prepared.segments,
            visible_BS=prepared.visible,
            documents=prepared.documents,
            positions_BT=prepared.positions,
        )
        judged = None
        if prepared.pairs is not None:
            judged = functional.cross_entropy(model.judge_pairs(hidden).float(), prepared.pairs, reduction="sum")
        return Losses(_asked(model, hidden, prepared.targets, z_loss), judged)
    assert_never(model)


def _asked(model: LanguageModel, hidden_BTD: Tensor, targets_BT: Tensor, z_loss: float) -> Tensor:
    """Loss of the positions that are asked for; only they go through the head."""
    targets = targets_BT.flatten()
    rows = hidden_BTD.flatten(0, 1)
    if bool((targets == IGNORED).any()):
        asked = torch.nonzero(targets != IGNORED)[:, 0]
        rows, targets = rows.index_select(0, asked), targets.index_select(0, asked)
    return head_loss(model.before_head(rows), model.head.weight, model.head.bias, targets, z_loss)


def causal_loss(model: Transformer, sequences_BW: Tensor, pad_id: int) -> Loss:
    """Predict every token from those before it, a row being one document.

    Args:
        model: The decoder.
        sequences_BW: int64[B, T + 1]; the model sees the first T, the targets are the last T.
        pad_id: Targets of this id are left out.
    """
    targets = sequences_BW[:, 1:].masked_fill(sequences_BW[:, 1:] == pad_id, IGNORED)
    losses = losses_of(model, Prepared(sequences_BW[:, :-1], targets))
    return Loss(losses.tokens, (targets != IGNORED).sum())
