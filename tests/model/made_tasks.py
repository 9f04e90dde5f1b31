"""Made-up tasks whose answers can be read off the ids, one a kind of task, and models small enough to learn them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import torch

from model.bilstm import BiLstm
from model.build import build_model
from model.characters import letters_of
from model.checkpoint import save_weights
from model.config import ModelConfig
from model.finetune.config import Attempt, FinetuneConfig, FinetuneSpec, Item, Reference, Side, Task
from model.parts import LstmConfig
from tests.model.conftest import TINY

DECODER = TINY
ENCODER = TINY.model_copy(update={"causal": False, "masked_head": True, "segments": 2})
LSTM = ModelConfig(vocab_size=64, d_model=16, n_layers=2, lstm=LstmConfig(cells=32, filters=((1, 8),), word_chars=6))
T5 = ModelConfig(
    vocab_size=64,
    d_model=32,
    n_layers=1,
    decoder_layers=1,
    n_heads=2,
    n_kv_heads=2,
    head_width=16,
    ffn_dim=64,
    activation="relu",
    positions="relative",
    causal=False,
    scaled_attention=False,
    scaled_head=True,
)
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
