"""What a decoder writes after the prompts it is measured on: greedily, until the end of its text."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from model.build import as_transformer
from model.decoding import Decoding
from model.finetune.config import FinetuneSpec
from model.finetune.heads import TaskModel

_SIDE_BY_SIDE = 64


@torch.no_grad()
def write_answers(model: TaskModel, spec: FinetuneSpec) -> tuple[tuple[int, ...], ...]:
    """Ids written after each prompt of the measured side, `max_answer_tokens` at most, the end left out."""
    model.eval()
    prompts = [item.ids[: item.targets[0]] for item in spec.measure.items]
    order = sorted(range(len(prompts)), key=lambda index: (len(prompts[index]), index))
    written: list[tuple[int, ...]] = [()] * len(prompts)
    for start in range(0, len(order), _SIDE_BY_SIDE):
        chosen = order[start : start + _SIDE_BY_SIDE]
        texts = _write(model, spec, [prompts[index] for index in chosen])
        for index, text in zip(chosen, texts, strict=True):
            written[index] = text
    return tuple(written)


def _write(model: TaskModel, spec: FinetuneSpec, prompts: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    most = spec.config.max_answer_tokens
    decoding = Decoding(as_transformer(model.body), prompts, most, spec.pad_id)
    texts: list[list[int]] = [[] for _ in prompts]
    going = [True] * len(prompts)
    for _ in range(most):
        tokens = decoding.logits().argmax(-1).tolist()
        going = [live and token != spec.end_id for live, token in zip(going, tokens, strict=True)]
        for text, live, token in zip(texts, going, tokens, strict=True):
            if live:
                text.append(token)
        if not any(going):
            break
        decoding.append(tokens)
    return [tuple(text) for text in texts]
