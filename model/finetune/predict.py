"""Apply a kept fine-tuning: `python -m model.finetune.predict SPEC.json` prints one `Prediction` an example.

What is said of an item is what `model.finetune.tasks.measure` scores at the end of a fine-tuning, from the same code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from scipy.special import softmax

from model.finetune.config import Item, KeptModel, Prediction, PredictSpec
from model.finetune.heads import TaskModel
from model.finetune.kept import load
from model.finetune.metrics import Floats
from model.finetune.spans import likeliest
from model.finetune.tasks import head_outputs
from model.finetune.writing import write_answers
from model.process import choose_device, emit, serve, settle


def predict(spec: PredictSpec) -> Iterator[Prediction]:
    """What the kept fine-tuning says of every example, in their order."""
    device = choose_device(spec.device)
    model, about = load(spec.task_weights, spec.weights)
    model.to(device)
    if about.task == "instruction":
        most = about.config.max_answer_tokens
        texts = write_answers(model, spec.items, spec.pad_id, spec.end_id, most)
        for item, text in zip(spec.items, texts, strict=True):
            yield Prediction(example=item.example, written=text)
    else:
        yield from _said(model, about, spec.items, head_outputs(model, spec.items, spec.pad_id, device))


def _said(model: TaskModel, about: KeptModel, items: Sequence[Item], outputs: Sequence[Floats]) -> Iterator[Prediction]:
    if about.task == "qa":
        for example, found in likeliest(items, outputs, about.config.max_answer_tokens).items():
            span = (found.start, found.end) if found else None
            yield Prediction(example=example, span=span, probability=found.probability if found else None)
    elif about.task == "tagging":
        yield from _tags(items, outputs)
    elif about.task == "similarity":
        for item, output in zip(items, outputs, strict=True):
            yield Prediction(example=item.example, value=float(output[0]) * about.deviation + about.mean)
    else:
        for item, output in zip(items, outputs, strict=True):
            yield Prediction(example=item.example, probabilities=tuple(softmax(output.astype(np.float64)).tolist()))


def _tags(items: Sequence[Item], outputs: Sequence[Floats]) -> Iterator[Prediction]:
    """Long sentences came in parts: one prediction each."""
    tags: dict[int, list[int]] = {}
    chances: dict[int, list[float]] = {}
    for item, output in zip(items, outputs, strict=True):
        likely = softmax(output.astype(np.float64), axis=-1)
        tags.setdefault(item.example, []).extend(output.argmax(-1).tolist())
        chances.setdefault(item.example, []).extend(likely.max(-1).tolist())
    for example, numbers in tags.items():
        yield Prediction(example=example, tags=tuple(numbers), tag_probabilities=tuple(chances[example]))


def _work(spec: PredictSpec) -> None:
    settle(spec.threads)
    with torch.no_grad():
        for prediction in predict(spec):
            emit("prediction", **prediction.model_dump(exclude_defaults=True))


if __name__ == "__main__":
    raise SystemExit(serve(PredictSpec, _work))
