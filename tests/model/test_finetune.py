"""Fine-tuning: every task is learned by every kind of model, LoRA adds up, and from scratch differs by weights only."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from model.bilstm import BiLstm
from model.build import build_model
from model.characters import letters_of
from model.checkpoint import load_model, read_tensors, save_weights
from model.config import ModelConfig
from model.finetune.batches import show, training_batches
from model.finetune.config import (
    Attempt,
    FinetuneConfig,
    FinetuneSpec,
    Item,
    LoraConfig,
    Reference,
    Side,
    Task,
    rate_of,
)
from model.finetune.heads import all_layers, last_layer
from model.finetune.kept import WEIGHTS, load
from model.finetune.lora import adapters, add_lora, merge_lora
from model.finetune.run import finetune, make_model
from model.finetune.tasks import Scale, loss_of, measure
from model.parts import LstmConfig
from storage.errors import UserError
from tests.model.conftest import TINY

DECODER = TINY
ENCODER = TINY.model_copy(update={"causal": False, "masked_head": True, "segments": 2})
LSTM = ModelConfig(vocab_size=64, d_model=16, n_layers=2, lstm=LstmConfig(cells=32, filters=((1, 8),), word_chars=6))
FIRST, BETWEEN, LAST, PAD = 0, 2, 3, 1
WORDS = range(4, 60)


def items_of(task: Task, count: int = 24, seed: int = 0) -> tuple[Item, ...]:
    """Made-up items whose targets can be read off the ids: the class is whether token 60 is there, and so on."""
    draw = random.Random(seed)
    return tuple(_item(task, number, draw) for number in range(count))


def _item(task: Task, number: int, draw: random.Random) -> Item:
    words = [draw.choice(WORDS) for _ in range(draw.randint(3, 6))]
    sign = number % 2
    words[draw.randrange(len(words))] = 60 + sign
    ids: tuple[int, ...] = (FIRST, *words, LAST)
    more: dict[str, Any] = {}
    second_at = len(ids)
    if task in ("pairs", "similarity"):
        ids, second_at = (FIRST, *words, BETWEEN, 62, 60, LAST), len(words) + 2
        more = {"targets": (sign,)} if task == "pairs" else {"value": 3.0 + 2 * sign}
    elif task == "classification":
        more = {"targets": (sign,)}
    elif task == "tagging":
        places = tuple(range(1, len(words) + 1))
        more = {"places": places, "targets": tuple(1 if word >= 60 else 0 for word in words)}
    elif task == "qa":
        ids = (FIRST, 62, BETWEEN, *words, LAST)
        at = 3 + next(place for place, word in enumerate(words) if word >= 60)
        offsets = tuple((2 * place, 2 * place + 1) for place in range(len(words)))
        more = {"places": (3, 3 + len(words)), "targets": (at, at), "offsets": offsets}
    elif task == "instruction":
        ids = (FIRST, *words, 62, 40 + sign, LAST)
        more = {"targets": (len(words) + 2,)}
        second_at = len(ids)
    return Item(example=number, ids=ids, second_at=second_at, **more)


def side_of(task: Task) -> Side:
    items = items_of(task)
    if task != "qa":
        return Side(items=items)
    contexts = [" ".join(chr(65 + place) for place in range(len(item.offsets))) for item in items]
    answers = [text[2 * (item.targets[0] - 3)] for text, item in zip(contexts, items, strict=True)]
    # "A" alone is an article, which SQuAD's scorer leaves out
    contexts = [text.replace("A", "Z") for text in contexts]
    answers = [answer.replace("A", "Z") for answer in answers]
    references = (Reference(context=c, answers=(a,)) for c, a in zip(contexts, answers, strict=True))
    return Side(items=items, references=tuple(references))


def spec_of(folder: Path, task: Task, model: ModelConfig, **config: Any) -> FinetuneSpec:
    weights, body = str(folder / "model.safetensors"), build_model(model, seed=1)
    if isinstance(body, BiLstm):
        body.letters.copy_(torch.from_numpy(letters_of([bytes([32 + n]) for n in range(64)], 6)))
    save_weights(weights, body, "digest")
    side = side_of(task)
    settings = {"learning_rate": 3e-3, "min_steps": 60, "batch_examples": 12, "dropout": 0.0, "checks": 2}
    return FinetuneSpec(
        weights=weights, tokenizer_sha256="digest", task=task, pad_id=PAD, end_id=LAST, train=side, measure=side,
        classes=("O", "B-x") if task == "tagging" else ("no", "yes"), device="cpu",
        config=FinetuneConfig.model_validate(settings | config),
        attempts=(Attempt(pretrained=True, seed=0, rows=tuple(range(24)), out_dir=str(folder / "out")),),
    )  # fmt: skip


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
    ],
)
def test_a_small_model_learns_every_task(tmp_path: Path, task: Task, model: ModelConfig, metric: str) -> None:
    spec = spec_of(tmp_path, task, model, **({"learning_rate": 2e-2} if model is LSTM else {}))
    result = finetune(spec, 0)
    assert result.metrics[metric] == pytest.approx(1.0, abs=0.01 if task == "similarity" else 0.0)
    assert result.low is not None and result.high is not None and result.low <= result.high <= 1.0
    assert result.steps == result.best_step == 60 and len(result.checks) == 2
    if task == "instruction":
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


def test_an_encoder_takes_no_instructions(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="instructions are for decoders"):
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
