"""Fine-tuning: every task is learned by every kind of model, LoRA adds up, and from scratch differs by weights only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from model.build import build_model
from model.checkpoint import load_model, read_tensors
from model.config import ModelConfig
from model.finetune.batches import show, training_batches
from model.finetune.config import (
    WEIGHTS,
    FinetuneConfig,
    FinetuneSpec,
    LoraConfig,
    Task,
    rate_of,
)
from model.finetune.heads import all_layers, last_layer
from model.finetune.kept import load
from model.finetune.lora import adapters, add_lora, merge_lora
from model.finetune.run import finetune, make_model
from model.finetune.tasks import Scale, loss_of, measure
from storage.errors import UserError
from tests.model.made_tasks import DECODER, ENCODER, LAST, LSTM, PAD, T5, spec_of


@pytest.mark.parametrize(
    ("task", "model", "metric"),
    [
        ("classification", ENCODER, "accuracy"),
        ("classification", DECODER, "accuracy"),
        ("classification", LSTM, "accuracy"),
        ("pairs", ENCODER, "macro_f1"),
        ("similarity", DECODER, "pearson"),
        ("tagging", ENCODER, "entity_f1"),
        ("qa", ENCODER, "exact_match"),
        ("instruction", DECODER, "exact_match"),
        ("instruction", T5, "exact_match"),
    ],
)
def test_a_small_model_learns_every_task(tmp_path: Path, task: Task, model: ModelConfig, metric: str) -> None:
    spec = spec_of(tmp_path, task, model, **({"learning_rate": 2e-2} if model is LSTM else {}))
    result = finetune(spec, 0)
    assert result.metrics[metric] == pytest.approx(1.0, abs=0.01 if task == "similarity" else 0.0)
    assert result.low is not None and result.high is not None and result.low <= result.high <= 1.0
    assert result.steps == result.best_step == 60 and len(result.checks) == 2
    if task == "instruction":
        assert [len(text) for text in result.written] == [1] * 24
        assert [text[0] for text in result.written] == [item.ids[-2] for item in spec.measure.items]


def items_as_batch(spec: FinetuneSpec) -> Any:
    return show(spec.train.items, PAD, torch.device("cpu"))


def test_lora_begins_as_the_model_was_and_merges_into_it() -> None:
    model, tokens = build_model(ENCODER, seed=3), torch.arange(4, 20)[None]
    before = model(tokens)
    config = LoraConfig(rank=3, alpha=6, targets=("q", "v", "down"))
    added = add_lora(model, config, seed=5)
    heads, kv, width, hidden = 32, 16, ENCODER.d_model, ENCODER.hidden_dim
    assert added == ENCODER.n_layers * 3 * ((width + heads) + (width + kv) + (hidden + width))
    assert added == sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    assert torch.equal(model(tokens), before)
    for weight in adapters(model).values():
        nn.init.normal_(weight, std=0.2)
    beside = model(tokens)
    assert not torch.allclose(beside, before, atol=1e-3)
    merge_lora(model)
    assert torch.allclose(model(tokens), beside, atol=1e-5) and not adapters(model)
    assert model.state_dict().keys() == build_model(ENCODER).state_dict().keys()


def test_lora_names_the_matrices_there_are() -> None:
    with pytest.raises(UserError, match=r"no matrix named queries. It has: .*down, .*q, up, v"):
        add_lora(build_model(ENCODER), LoraConfig(targets=("queries",)), 0)


@pytest.mark.parametrize("mode", ["full", "lora", "frozen"])
def test_what_is_kept_is_what_was_learned_and_gives_the_same(tmp_path: Path, mode: str) -> None:
    spec = spec_of(tmp_path, "classification", ENCODER, mode=mode, min_steps=8, learning_rate=2e-2)
    result = finetune(spec, 0)
    tensors, _ = read_tensors(str(tmp_path / "out" / WEIGHTS))
    head, layers = {"head.weight", "head.bias"}, ENCODER.n_layers
    if mode == "lora":
        assert tensors.keys() - head == {
            f"body.blocks.{n}.attention.{m}.{part}" for n in range(layers) for m in "qv" for part in "ab"
        }
        assert result.params_trained == sum(weight.numel() for weight in tensors.values())
    if mode == "frozen":
        assert tensors.keys() - head == {"mix.scores", "mix.gamma"}
        assert len(result.layer_weights) == layers + 1 and sum(result.layer_weights) == pytest.approx(1.0)
    loaded, about = load(str(tmp_path / "out" / WEIGHTS), spec.weights)
    assert about.classes == spec.classes
    again = measure(loaded, spec, spec.measure, range(24), Scale(), torch.device("cpu"))
    assert again.predictions == result.predictions and again.loss == pytest.approx(result.metrics["loss"])


def test_a_frozen_body_stays_and_only_a_head_learns(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "tagging", DECODER, mode="frozen", min_steps=4)
    model = make_model(spec, spec.attempts[0])
    learning = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert learning == {"mix.scores", "mix.gamma", "head.weight", "head.bias"}
    assert finetune(spec, 0).params_trained == DECODER.n_layers + 1 + 1 + 2 * DECODER.d_model + 2


def test_from_scratch_differs_by_the_bodys_weights_alone(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "classification", ENCODER)
    attempt = spec.attempts[0].model_copy(update={"seed": 7})
    known, fresh = (make_model(spec, attempt.model_copy(update={"pretrained": start})) for start in (True, False))
    assert torch.equal(known.head.weight, fresh.head.weight)  # type: ignore[union-attr]
    assert known.pooling == fresh.pooling and known.body.config == fresh.body.config
    stored = load_model(spec.weights).state_dict()
    assert all(torch.equal(known.body.state_dict()[name], stored[name]) for name in stored)
    assert not torch.equal(fresh.body.state_dict()["embedding.weight"], stored["embedding.weight"])
    orders = [list(training_batches([5] * 24, 12, 6, seed)) for seed in (7, 7, 8)]
    assert orders[0] == orders[1] != orders[2]


def test_a_run_repeats_and_chooses_its_best_moment(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "classification", DECODER, min_steps=20, checks=5, dropout=0.1)
    attempt = spec.attempts[0].model_copy(update={"rows": tuple(range(12)), "choice": tuple(range(12, 24))})
    spec = spec.model_copy(update={"attempts": (attempt, attempt)})
    first, second = (finetune(spec, number) for number in (0, 1))
    assert first.checks == second.checks and first.predictions == second.predictions
    best = max(check.score or 0.0 for check in first.checks)
    assert next(check.score for check in first.checks if check.step == first.best_step) == best


def test_of_several_rates_the_choice_split_picks_one_and_the_measured_side_has_no_say(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "classification", DECODER, min_steps=20, learning_rate=None)
    attempt = spec.attempts[0].model_copy(update={"rows": tuple(range(12)), "choice": tuple(range(12, 24))})
    alone = []
    for rate in (1e-5, 3e-3):
        config = spec.config.model_copy(update={"learning_rate": rate})
        alone.append(finetune(spec.model_copy(update={"attempts": (attempt,), "config": config}), 0))
    many = finetune(spec.model_copy(update={"attempts": (attempt,), "rates": (1e-5, 3e-3)}), 0)
    scores = [max(check.score or 0.0 for check in one.checks) for one in alone]
    assert scores[1] > scores[0] and [one.score for one in many.tried] == scores
    assert many.learning_rate == 3e-3 and many.predictions == alone[1].predictions
    assert many.checks == alone[1].checks and many.metrics == alone[1].metrics
    assert many.tokens_seen == 2 * alone[0].tokens_seen and many.flops == 2 * alone[0].flops
    swapped = spec.measure.model_copy(update={"items": tuple(
        item.model_copy(update={"targets": (1 - item.targets[0],)}) for item in spec.measure.items
    )})  # fmt: skip
    other = finetune(spec.model_copy(update={"attempts": (attempt,), "rates": (1e-5, 3e-3), "measure": swapped}), 0)
    assert other.tried == many.tried and other.metrics["accuracy"] == pytest.approx(1 - many.metrics["accuracy"])
    with pytest.raises(UserError, match="no examples to choose a rate by"):
        finetune(spec.model_copy(update={"rates": (1e-5, 3e-3)}), 0)


def test_only_the_answer_is_learned(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "instruction", DECODER)
    model = make_model(spec, spec.attempts[0])
    loss, right = loss_of(model, items_as_batch(spec), spec.train.items, Scale())
    assert len(right) == 24 * 2  # a token and the end
    nats = []
    for item in spec.train.items:
        logits = model.body(torch.tensor([item.ids]))[0].log_softmax(-1)
        nats += [-logits[place - 1, item.ids[place]].detach() for place in range(item.targets[0], len(item.ids))]
    assert float(loss.detach()) == pytest.approx(float(torch.stack(nats).mean()), abs=1e-5)


@pytest.mark.parametrize("model", [DECODER, ENCODER, LSTM])
def test_padding_changes_nothing_and_layers_end_with_the_last(tmp_path: Path, model: ModelConfig) -> None:
    spec = spec_of(tmp_path, "classification", model)
    body, items = load_model(spec.weights), spec.train.items[:4]
    together = show(items, PAD, torch.device("cpu"))
    layers = all_layers(body, together)
    assert len(layers) == model.n_layers + 1
    assert torch.allclose(layers[-1], last_layer(body, together), atol=1e-6)
    for row, item in enumerate(items):
        alone = last_layer(body, show([item], PAD, torch.device("cpu")))[0]
        assert torch.allclose(layers[-1][row, : len(item.ids)], alone, atol=1e-5)


def test_a_t5_learns_the_answer_from_its_source(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "instruction", T5)
    model = make_model(spec, spec.attempts[0])
    loss, right = loss_of(model, items_as_batch(spec), spec.train.items, Scale())
    assert len(right) == 24 * 2  # a token and the end
    nats = []
    for item in spec.train.items:  # each alone: prompt and end in the encoder, the padding token first in the decoder
        at = item.targets[0]
        logits = model.body(torch.tensor([(*item.ids[1:at], LAST)]), torch.tensor([(PAD, item.ids[at])]))[0]
        nats += [-logits.log_softmax(-1)[place, item.ids[at + place]].detach() for place in (0, 1)]
    assert float(loss.detach()) == pytest.approx(float(torch.stack(nats).mean()), abs=1e-5)
    tokens = finetune(spec_of(tmp_path, "instruction", T5, min_steps=2), 0)
    answers = 24 * 2 * 4  # four times each
    body: Any = model.body
    reads, writes = (
        sum(w.numel() for n, w in side.named_parameters() if w.ndim > 1) for side in (body.encoder, body.decoder)
    )
    assert tokens.flops == 6 * (reads * (tokens.tokens_seen - answers) + writes * answers)


def test_an_encoder_takes_no_instructions(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="instructions are for decoders and T5s"):
        finetune(spec_of(tmp_path, "instruction", ENCODER), 0)


def test_rates_follow_the_size() -> None:
    rates = [rate_of(FinetuneConfig(), parameters) for parameters in (1_000_000, 110_000_000)]
    assert rates[1] == 3e-5 and 5e-4 < rates[0] < 1e-3
    assert rate_of(FinetuneConfig(mode="lora"), 110_000_000) == 3e-4
    assert rate_of(FinetuneConfig(learning_rate=1.0), 5) == 1.0


def test_every_item_comes_once_a_round() -> None:
    lengths = np.random.default_rng(0).integers(3, 40, 50).tolist()
    batches = list(training_batches(lengths, 8, 14, 0))
    assert sorted(index for batch in batches[:7] for index in batch) == list(range(50))
    assert batches[:7] != batches[7:]
