"""What a decoder or a T5 writes after prompts: greedily, until the end of its text."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from model.build import LanguageModel
from model.decoding import Decoding, room_of
from model.finetune.answering import source_of
from model.finetune.config import Item
from model.finetune.heads import TaskModel

_SIDE_BY_SIDE = 64


@torch.no_grad()
def write_answers(
    model: TaskModel, items: Sequence[Item], pad_id: int, end_id: int, most: int
) -> tuple[tuple[int, ...], ...]:
    """Ids written after each item's prompt, `most` at most, the end left out."""
    model.eval()
    prompts = [source_of(model.body, item) for item in items]
    order = sorted(range(len(prompts)), key=lambda index: (len(prompts[index]), index))
    written: list[tuple[int, ...]] = [()] * len(prompts)
    for start in range(0, len(order), _SIDE_BY_SIDE):
        chosen = order[start : start + _SIDE_BY_SIDE]
        texts = _write(model.body, [prompts[index] for index in chosen], pad_id, end_id, most)
        for index, text in zip(chosen, texts, strict=True):
            written[index] = text
    return tuple(written)


def _write(
    body: LanguageModel, prompts: Sequence[Sequence[int]], pad_id: int, end_id: int, most: int
) -> list[tuple[int, ...]]:
    most = room_of(body, prompts, most)
    decoding = Decoding(body, prompts, most, pad_id)
    texts: list[list[int]] = [[] for _ in prompts]
    going = [True] * len(prompts)
    for _ in range(most):
        tokens = decoding.logits().argmax(-1).tolist()
        going = [live and token != end_id for live, token in zip(going, tokens, strict=True)]
        for text, live, token in zip(texts, going, tokens, strict=True):
            if live:
                text.append(token)
        if not any(going):
            break
        decoding.append(tokens)
    return [tuple(text) for text in texts]
