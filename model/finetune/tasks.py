"""What each task asks of a model: the loss of a batch, and predictions with their scores.

Shapes, in tensor names: B sequences, T positions, C classes, N rows asked for, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from model.finetune import metrics
from model.finetune.answering import answer_loss
from model.finetune.batches import measuring_batches, show
from model.finetune.config import FinetuneSpec, Item, Reference, Side, Task
from model.finetune.heads import Shown, TaskModel
from model.finetune.spans import answers

Sample = Callable[[npt.NDArray[np.int64]], metrics.Floats]


@dataclass(frozen=True)
class Scale:
    """Numbers are learned with mean 0 and deviation 1."""

    mean: float = 0.0
    deviation: float = 1.0

    @classmethod
    def of(cls, items: Sequence[Item]) -> Scale:
        """That of the training items."""
        values = np.array([item.value for item in items if item.value is not None])
        return cls(float(values.mean()), float(values.std()) or 1.0) if len(values) else cls()


@dataclass(frozen=True)
class Measured:
    """What a model makes of some examples.

    Attributes:
        loss: Mean over all targets.
        metrics: By name; see `model.finetune.config.PRIMARY`.
        sample: The primary one of samples of the examples, for a bootstrap.
        predictions: In the order of the examples.
    """

    loss: float
    metrics: dict[str, float]
    sample: Sample
    predictions: tuple[str, ...]


def outputs_of(task: Task, classes: Sequence[str]) -> int:
    """Numbers the head gives."""
    return {"similarity": 1, "qa": 2, "instruction": 0}.get(task, len(classes))


def usable(task: Task, items: Sequence[Item]) -> list[Item]:
    """Items that can be learned from: of qa those parts that hold their answer."""
    return [item for item in items if task != "qa" or item.targets]


def loss_of(model: TaskModel, shown: Shown, items: Sequence[Item], scale: Scale) -> tuple[Tensor, Tensor]:
    """Mean loss of a batch over its targets, and the logits it is of (instruction: of the answers' tokens)."""
    if model.task == "instruction":
        return answer_loss(model, shown, items)
    logits, device = logits_of(model, shown, items), shown.tokens.device
    if model.task == "similarity":
        wanted = torch.tensor([((item.value or 0.0) - scale.mean) / scale.deviation for item in items], device=device)
        return functional.mse_loss(logits[:, 0], wanted), logits
    if model.task == "qa":
        held = [row for row, item in enumerate(items) if item.targets]  # parts without the answer: measured only
        spans = torch.tensor([items[row].targets for row in held], device=device, dtype=torch.int64).view(-1, 2)
        sides = [functional.cross_entropy(logits[held, :, n], spans[:, n], reduction="sum") for n in (0, 1)]
        return (sides[0] + sides[1]) / (2 * max(len(held), 1)), logits
    targets = torch.tensor([target for item in items for target in item.targets], device=device)
    return functional.cross_entropy(logits, targets), logits


def logits_of(model: TaskModel, shown: Shown, items: Sequence[Item]) -> Tensor:
    """What the head says, with no target: of texts float32[B, C], of words [N, C], of answers' places [B, T, 2]."""
    logits: Tensor = model(shown).float()
    if model.task == "qa":
        return logits.masked_fill(~shown.visible[..., None], -1e9)
    if model.task == "tagging":
        rows, places = _word_places(items, shown.tokens.device)
        return logits[rows, places]
    return logits


def _word_places(items: Sequence[Item], device: torch.device) -> tuple[Tensor, Tensor]:
    rows = [row for row, item in enumerate(items) for _ in item.places]
    places = [place for item in items for place in item.places]
    return torch.tensor(rows, device=device), torch.tensor(places, device=device)


@torch.no_grad()
def measure(
    model: TaskModel, spec: FinetuneSpec, side: Side, examples: Sequence[int], scale: Scale, device: torch.device
) -> Measured:
    """Predictions and scores of some examples of a side; at least one."""
    model.eval()
    wanted = set(examples)
    items = [item for item in side.items if item.example in wanted]
    outputs: list[Any] = [None] * len(items)
    loss, weight = 0.0, 0
    for chosen in measuring_batches([len(item.ids) for item in items]):
        batch = [items[index] for index in chosen]
        mean, logits = loss_of(model, show(batch, spec.pad_id, device), batch, scale)
        count = _target_count(spec.task, batch)
        loss, weight = loss + float(mean) * count, weight + count
        for index, output in zip(chosen, apart(spec.task, logits, batch), strict=True):
            outputs[index] = output
    found, by_name, sample = _score(spec, items, outputs, list(examples), side.references, scale)
    return Measured(loss / max(weight, 1), by_name, sample, tuple(found))


def _target_count(task: Task, items: Sequence[Item]) -> int:
    if task in ("tagging", "qa"):
        return sum(len(item.targets) for item in items)
    return sum(len(item.ids) - item.targets[0] for item in items) if task == "instruction" else len(items)


@torch.no_grad()
def head_outputs(model: TaskModel, items: Sequence[Item], pad_id: int, device: torch.device) -> list[metrics.Floats]:
    """What the head says of each item, with no regard to targets: what `measure` scores, for items without any."""
    model.eval()
    outputs: list[Any] = [None] * len(items)
    for chosen in measuring_batches([len(item.ids) for item in items]):
        batch = [items[index] for index in chosen]
        logits = logits_of(model, show(batch, pad_id, device), batch)
        for index, output in zip(chosen, apart(model.task, logits, batch), strict=True):
            outputs[index] = output
    return outputs


def apart(task: Task, logits: Tensor, items: Sequence[Item]) -> list[np.ndarray]:
    """A batch's outputs, an item each."""
    values = logits.cpu().numpy()
    if task == "qa":
        return [values[row, : len(item.ids)].astype(np.float64) for row, item in enumerate(items)]
    if task in ("tagging", "instruction"):
        counts = [len(item.places) if task == "tagging" else _target_count(task, [item]) for item in items]
        return np.split(values, np.cumsum(counts)[:-1])
    return list(values)


def _score(
    spec: FinetuneSpec, items: list[Item], outputs: list[Any], examples: list[int],
    references: tuple[Reference, ...], scale: Scale,
) -> tuple[list[str], dict[str, float], Sample]:  # fmt: skip
    if spec.task == "tagging":
        return _score_tags(spec.classes, items, outputs, examples)
    if spec.task == "qa":
        return _score_answers(answers(items, outputs, references, spec.config.max_answer_tokens), examples, references)
    if spec.task == "similarity":
        return _score_numbers(items, outputs, scale)
    if spec.task == "instruction":
        right = np.array([output.all() for output in outputs], np.float64)
        tokens = float(np.concatenate(outputs).mean())
        return [""] * len(items), {"exact_match": float(right.mean()), "token_accuracy": tokens}, _mean_of(right)
    found = [spec.classes[int(output.argmax())] for output in outputs]
    gold = [spec.classes[item.targets[0]] for item in items]
    right = np.array([a == b for a, b in zip(found, gold, strict=True)], np.float64)
    return found, {"accuracy": float(right.mean()), "macro_f1": metrics.macro_f1(found, gold)}, _mean_of(right)


def _mean_of(values: metrics.Floats) -> Sample:
    return lambda rows: values[rows].mean(-1)


def _score_tags(
    classes: Sequence[str], items: list[Item], outputs: list[Any], examples: list[int]
) -> tuple[list[str], dict[str, float], Sample]:
    found: dict[int, list[str]] = {example: [] for example in examples}
    gold: dict[int, list[str]] = {example: [] for example in examples}
    for item, output in zip(items, outputs, strict=True):
        found[item.example] += [classes[number] for number in output.argmax(-1)]
        gold[item.example] += [classes[number] for number in item.targets]
    said, true = [found[example] for example in examples], [gold[example] for example in examples]
    counts = metrics.entity_counts(said, true)
    right, all_found, all_gold = counts.sum(0)
    strict = [metrics.strict_entities(a) & metrics.strict_entities(b) for a, b in zip(said, true, strict=True)]
    sizes = [sum(len(metrics.strict_entities(tags)) for tags in side) for side in (said, true)]
    by_name = {
        "entity_f1": float(metrics.f1_of_counts(counts.sum(0))),
        "precision": float(right / max(all_found, 1)),
        "recall": float(right / max(all_gold, 1)),
        "strict_f1": float(metrics.f1_of_counts(np.array([sum(map(len, strict)), *sizes], np.float64))),
        "word_accuracy": metrics.accuracy([t for tags in said for t in tags], [t for tags in true for t in tags]),
    }
    return [" ".join(tags) for tags in said], by_name, lambda rows: metrics.f1_of_counts(counts[rows].sum(-2))


def _score_answers(
    said: dict[int, str], examples: list[int], references: tuple[Reference, ...]
) -> tuple[list[str], dict[str, float], Sample]:
    found = [said[example] for example in examples]
    accepted = [references[example].answers for example in examples]
    f1 = np.array([metrics.token_f1(a, b) for a, b in zip(found, accepted, strict=True)])
    exact = np.array([metrics.exact_match(a, b) for a, b in zip(found, accepted, strict=True)])
    return found, {"f1": float(f1.mean()), "exact_match": float(exact.mean())}, _mean_of(f1)


def _score_numbers(items: list[Item], outputs: list[Any], scale: Scale) -> tuple[list[str], dict[str, float], Sample]:
    found = np.array([float(output[0]) for output in outputs]) * scale.deviation + scale.mean
    gold = np.array([item.value for item in items], np.float64)
    by_name = {"pearson": float(metrics.pearson(found, gold)), "spearman": float(metrics.spearman(found, gold))}
    return [f"{value:.4g}" for value in found], by_name, lambda rows: metrics.spearman(found[rows], gold[rows])
