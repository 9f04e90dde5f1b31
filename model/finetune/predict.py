"""Apply a kept fine-tuning: `python -m model.finetune.predict -` prints one `Prediction` an example.

It reads a `PredictSpec`, a line, then `Items`, some examples' a line, and asks for each line when it is done with the
one before: however many there are, those of one line are in memory.

What is said of an item is what `model.finetune.tasks.measure` scores at the end of a fine-tuning, from the same code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from scipy.special import softmax

from model.finetune.config import Item, Items, KeptModel, Prediction, PredictSpec
from model.finetune.heads import TaskModel
from model.finetune.kept import load
from model.finetune.metrics import Floats
from model.finetune.spans import likeliest
from model.finetune.tasks import head_outputs
from model.finetune.writing import write_answers
from model.process import choose_device, emit, lines, serve, settle


class Applied:
    """A kept fine-tuning, loaded."""

    def __init__(self, spec: PredictSpec) -> None:
        self.spec, self.device = spec, choose_device(spec.device)
        self.model, self.about = load(spec.task_weights, spec.weights)
        self.model.to(self.device)

    def predict(self, items: Sequence[Item]) -> Iterator[Prediction]:
        """What it says of every example, in their order; their items are computed together, those of a length."""
        spec = self.spec
        if self.about.task == "instruction":
            most = self.about.config.max_answer_tokens
            texts = write_answers(self.model, items, spec.pad_id, spec.end_id, most)
            for item, text in zip(items, texts, strict=True):
                yield Prediction(example=item.example, written=text)
        else:
            yield from _said(self.model, self.about, items, head_outputs(self.model, items, spec.pad_id, self.device))


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
        applied = Applied(spec)
        for line in lines():
            for prediction in applied.predict(Items.model_validate_json(line).items):
                emit("prediction", **prediction.model_dump(exclude_defaults=True))


if __name__ == "__main__":
    raise SystemExit(serve(PredictSpec, _work, more=True))
