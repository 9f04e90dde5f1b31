"""Instructions: a decoder goes on from the prompt, a T5 reads it in its encoder and its decoder answers.

An item's ids are a document's: its end, prompt, answer, its end; `targets[0]` is where the answer begins. A T5's source
is the prompt and the end, as in pre-training; its decoder begins with the padding token (Raffel et al. 2020).

Shapes, in tensor names: B sequences, S positions of a source, T of an answer, N tokens asked for, D width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from model.build import LanguageModel, as_transformer
from model.config import ModelConfig
from model.encoder_decoder import EncoderDecoder
from model.finetune.batches import show
from model.finetune.config import FinetuneConfig, Item
from model.finetune.heads import Shown, TaskModel
from model.loss import head_loss
from storage.errors import UserError


def check_answers(body: ModelConfig, config: FinetuneConfig) -> None:
    """Whether such a model can learn to answer.

    Raises:
        UserError: It writes nothing, or nothing of what writes would learn.
    """
    if body.kind not in ("decoder", "encoder_decoder") or config.mode == "frozen":
        raise UserError(
            "instructions are for decoders and T5s that learn.",
            "Use one of these, and mode full or lora; others have no answer.",
        )


def source_of(body: LanguageModel, item: Item) -> tuple[int, ...]:
    """What the model is given to answer: the prompt as a document's beginning, or a T5's source."""
    if isinstance(body, EncoderDecoder):
        return (*item.ids[1 : item.targets[0]], item.ids[-1])
    return item.ids[: item.targets[0]]


def answer_loss(model: TaskModel, shown: Shown, items: Sequence[Item]) -> tuple[Tensor, Tensor]:
    """Nats a token of the answers, their end included, given all before it; and bool[N], whether it is likeliest."""
    device = shown.tokens.device
    targets_N = torch.tensor([token for item in items for token in item.ids[item.targets[0] :]], device=device)
    body = model.body
    if isinstance(body, EncoderDecoder):
        hidden_ND, head = _from_source(body, shown, items), body.head
    else:
        hidden_ND, head = _from_prompt(model, shown, items), as_transformer(body).head
    nats = head_loss(hidden_ND, head.weight, head.bias, targets_N)
    with torch.no_grad():
        right_N = head(hidden_ND).argmax(-1) == targets_N
    return nats / len(targets_N), right_N


def _from_prompt(model: TaskModel, shown: Shown, items: Sequence[Item]) -> Tensor:
    """What is before the output matrix at the position ahead of each answer's token, float[N, D]."""
    rows = [row for row, item in enumerate(items) for _ in range(item.targets[0], len(item.ids))]
    places = [place - 1 for item in items for place in range(item.targets[0], len(item.ids))]
    device = shown.tokens.device
    features_BTD = model.features(shown)
    chosen_ND = features_BTD[torch.tensor(rows, device=device), torch.tensor(places, device=device)]
    return as_transformer(model.body).before_head(chosen_ND)


def _from_source(body: EncoderDecoder, shown: Shown, items: Sequence[Item]) -> Tensor:
    """The same of a T5: sources in the encoder, answers moved right by one in the decoder."""
    device, pad = shown.tokens.device, shown.pad_id
    sources = show([_plain(source_of(body, item)) for item in items], pad, device)
    begun = show([_plain((pad, *item.ids[item.targets[0] : -1])) for item in items], pad, device)
    memory_BSD = body.encode(sources.tokens, sources.visible)
    hidden_BTD = body.decode(begun.tokens, memory_BSD, sources.visible)
    return body.before_head(hidden_BTD[begun.visible])


def _plain(ids: tuple[int, ...]) -> Item:
    return Item.model_construct(example=0, ids=ids, second_at=len(ids))
