"""A kept fine-tuning applied: what it says of the measured items gives the score that the fine-tuning was told by."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from model.config import ModelConfig
from model.finetune import metrics
from model.finetune.config import WEIGHTS, FinetuneSpec, Item, Prediction, PredictSpec, Task
from model.finetune.predict import Applied
from model.finetune.run import finetune
from model.finetune.spans import likeliest
from tests.model.made_tasks import DECODER, ENCODER, PAD, T5, spec_of


def applied(spec: FinetuneSpec) -> list[Prediction]:
    """By a process that knows no targets, but of instructions where the prompt ends."""
    items = spec.measure.items
    if spec.task != "instruction":
        items = tuple(item.model_copy(update={"targets": (), "value": None}) for item in items)
    weights = str(Path(spec.attempts[0].out_dir) / WEIGHTS)
    told = PredictSpec(task_weights=weights, weights=spec.weights, pad_id=spec.pad_id, end_id=spec.end_id, device="cpu")
    return list(Applied(told).predict(items))


def score(spec: FinetuneSpec, said: list[Prediction]) -> dict[str, float]:
    """The metrics, from what was said and the targets."""
    items, names = spec.measure.items, spec.classes
    if spec.task == "tagging":
        found, gold = ([[names[n] for n in one] for one in side] for side in
                       ([one.tags for one in said], [item.targets for item in items]))  # fmt: skip
        return {"entity_f1": float(metrics.f1_of_counts(metrics.entity_counts(found, gold).sum(0)))}
    if spec.task == "qa":
        texts = [
            ref.context[slice(*(one.span or (0, 0)))] for one, ref in zip(said, spec.measure.references, strict=True)
        ]
        f1 = [metrics.token_f1(text, ref.answers) for text, ref in zip(texts, spec.measure.references, strict=True)]
        return {"f1": sum(f1) / len(f1)}
    if spec.task == "similarity":
        values = np.array([[one.value or 0.0, item.value or 0.0] for one, item in zip(said, items, strict=True)])
        return {"pearson": float(metrics.pearson(values[:, 0], values[:, 1]))}
    found_classes, gold = [int(np.argmax(one.probabilities)) for one in said], [item.targets[0] for item in items]
    nats = [-math.log(one.probabilities[target]) for one, target in zip(said, gold, strict=True)]
    return {
        "accuracy": metrics.accuracy(found_classes, gold),
        "macro_f1": metrics.macro_f1([names[n] for n in found_classes], [names[n] for n in gold]),
        "loss": pytest.approx(sum(nats) / len(nats), rel=1e-5),
    }


@pytest.mark.parametrize(
    ("task", "mode", "pretrained"),
    [
        ("classification", "full", True),
        ("classification", "lora", False),
        ("pairs", "full", True),
        ("pairs", "lora", False),
        ("similarity", "lora", True),
        ("tagging", "frozen", False),
        ("qa", "full", False),
    ],
)
def test_the_score_can_be_had_again_from_what_is_said(tmp_path: Path, task: Task, mode: str, pretrained: bool) -> None:
    spec = spec_of(tmp_path, task, ENCODER, mode=mode, min_steps=12, learning_rate=1e-2, checks=1)
    attempt = spec.attempts[0].model_copy(update={"pretrained": pretrained, "seed": 5})
    spec = spec.model_copy(update={"attempts": (attempt,)})
    result = finetune(spec, 0)
    for name, value in score(spec, applied(spec)).items():
        assert value == (
            pytest.approx(result.metrics[name], abs=1e-12) if isinstance(value, float) else result.metrics[name]
        )


@pytest.mark.parametrize("model", [DECODER, T5])
def test_answers_are_written_as_they_were_measured(tmp_path: Path, model: ModelConfig) -> None:
    spec = spec_of(tmp_path, "instruction", model, min_steps=12, mode="lora", learning_rate=2e-2)
    result = finetune(spec, 0)
    assert tuple(one.written for one in applied(spec)) == result.written


def test_a_spans_probability_is_its_share_of_all_parts() -> None:
    offsets = ((0, 1), (2, 3), (4, 5))
    parts = [Item(example=0, ids=(PAD,) * 5, second_at=1, places=(1, 4), offsets=offsets) for _ in range(2)]
    logits = list(np.random.default_rng(0).normal(size=(2, 5, 2)))
    found = likeliest(parts, logits, 2)[0]
    assert found is not None
    sums = [one[a, 0] + one[b, 1] for one in logits for a in (1, 2, 3) for b in range(a, min(a + 2, 4))]
    assert found.score == pytest.approx(max(sums))
    assert found.probability == pytest.approx(math.exp(max(sums)) / sum(map(math.exp, sums)))
    assert likeliest([parts[0].model_copy(update={"places": (1, 1)})], logits[:1], 2) == {0: None}
