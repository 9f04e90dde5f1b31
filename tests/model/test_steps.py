"""A whole training beside another's loop: transformers' model, PyTorch's own schedule, the same batches, every step."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

from model import train as training
from model.build import build_model
from model.checkpoint import load_model
from model.config import ModelConfig
from model.data import open_tokens, read_sequences
from model.huggingface import to_state
from model.huggingface_configs import to_config
from model.noise import IGNORED
from model.objective import make_preparer
from model.objective_config import training_model
from model.order import Order
from model.parts import ObjectiveConfig
from model.prepare import Prepared
from model.presets import preset
from model.specs import TrainingSpec

from .conftest import SHORT, TINY, WIDTH, write_sequences

STEPS, WARMUP, BATCH, PAD = 12, 3, 8, 1
TRAIN = SHORT.model_copy(update={"warmup_frac": WARMUP / STEPS, "micro_batch_tokens": 3 * 16, "clip_norm": 0.5})
"""Parts of three, three and two sequences, some half padding; most steps are clipped."""

SIZES = {"vocab_size": 64, "d_model": 32, "n_layers": 2, "n_heads": 4, "n_kv_heads": 4, "ffn_dim": 64}
CLASSES = {
    "decoder": AutoModelForCausalLM,
    "encoder": AutoModelForMaskedLM,
    "encoder_decoder": AutoModelForSeq2SeqLM,
}


def small(name: str) -> ModelConfig:
    return ModelConfig.model_validate({**preset(name).model_dump(), **SIZES, "max_positions": 64})


@pytest.fixture
def padded_dir(tokens_dir: Path) -> Path:
    """Every third sequence ends in padding: parts of a batch have unequal numbers of targets."""
    digest = hashlib.sha256(b"{}").hexdigest()
    write_sequences(tokens_dir / "train-0.parquet", 40, 5, digest, padded=6)
    return tokens_dir


@pytest.mark.parametrize(
    ("model", "objective"),
    [
        (TINY, ObjectiveConfig()),
        (TINY.model_copy(update={"tied_embeddings": True}), ObjectiveConfig(document_masking=False)),
        (small("gpt2"), ObjectiveConfig(restart_positions=True)),
        (small("tiny-bert"), ObjectiveConfig(document_masking=False)),
        (small("tiny-t5"), ObjectiveConfig(document_masking=False, sentinels=4)),
    ],
    ids=["llama", "llama-tied-unmasked", "gpt2", "bert", "t5"],
)
def test_every_step_is_that_of_transformers(
    padded_dir: Path, tmp_path: Path, model: ModelConfig, objective: ObjectiveConfig
) -> None:
    tokens = open_tokens(str(padded_dir))
    model = training_model(model, tokens, objective)
    train = TRAIN.model_copy(update={"objective": objective})
    spec = TrainingSpec(
        tokens_dir=str(padded_dir), out_dir=str(tmp_path / "out"), model=model, train=train, threads=1, device="cpu"
    )
    theirs = as_transformers(model, tmp_path / "theirs")
    before = {name: weight.detach().clone() for name, weight in theirs.named_parameters()}
    losses = their_training(theirs, spec)
    training.train(spec)
    ours = [point["loss"] for point in json.loads((tmp_path / "out" / "result.json").read_text())["curve"]]
    np.testing.assert_allclose(ours, losses, rtol=2e-5)
    assert losses[-1] < losses[0] - 0.2
    trained = to_state(model, load_model(str(tmp_path / "out" / training.WEIGHTS)).state_dict())
    after = dict(theirs.named_parameters())
    for name, weight in trained.items():
        if name.endswith("key.bias"):  # its gradient is 0 but for rounding, of which AdamW makes steps as large
            continue
        moved = (after[name] - before[name]).norm()
        assert (weight - after[name]).norm() < 1e-3 * moved, name


def as_transformers(config: ModelConfig, folder: Path) -> Any:
    """The weights a training of seed 0 begins with, in transformers' own model; without dropout."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(to_config(config)))
    state = to_state(config, build_model(config, TRAIN.seed).state_dict())
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    theirs = CLASSES[config.kind].from_pretrained(folder, attn_implementation="eager").eval()
    theirs.config.decoder_start_token_id = theirs.config.pad_token_id = PAD  # what a T5 makes of its labels
    return theirs


def their_training(theirs: Any, spec: TrainingSpec) -> list[float]:
    """Losses of a plain loop: whole batches, their own mean over the targets, clipping, AdamW, PyTorch's schedules."""
    tokens = open_tokens(spec.tokens_dir)
    sequences = read_sequences(spec.tokens_dir, tokens, tokens.train.files)
    order = Order(len(sequences), TRAIN.seed)
    prepare = make_preparer(spec, tokens, "{}", sequences)
    weights = list(theirs.parameters())
    groups = [
        {"params": [weight for weight in weights if weight.ndim >= 2], "weight_decay": 0.1},
        {"params": [weight for weight in weights if weight.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.95), eps=1e-8, foreach=False)
    rising = LinearLR(optimizer, 1 / WARMUP, 1.0, WARMUP - 1)
    falling = CosineAnnealingLR(optimizer, STEPS - 1 - WARMUP, eta_min=1e-3)
    schedule = SequentialLR(optimizer, [rising, falling], [WARMUP])
    losses = []
    for step in range(STEPS):
        rows = order.rows(step * BATCH, BATCH)
        ids = torch.from_numpy(sequences.take(rows).astype(np.int64))
        of = torch.from_numpy(sequences.documents(rows)).masked_fill(ids == PAD, -1)
        if spec.model.kind == "decoder":
            loss = next_token_loss(theirs, ids, of, spec.train.objective)
        else:
            loss = corrupted_loss(theirs, prepare(ids, of, step * BATCH))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, TRAIN.clip_norm)
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
    return losses


def next_token_loss(theirs: Any, ids: torch.Tensor, of: torch.Tensor, objective: ObjectiveConfig) -> torch.Tensor:
    """Their own loss, which shifts the labels; documents apart by a mask of every position against every other."""
    if not objective.document_masking:
        return theirs(input_ids=ids, labels=ids.masked_fill(ids == PAD, -100)).loss  # type: ignore[no-any-return]
    asked = torch.cat([of[:, 1:], of[:, -1:]], dim=1)  # a position is of the document whose token it is asked for
    seen = (asked[:, :, None] == asked[:, None, :]) & torch.ones(WIDTH, WIDTH, dtype=torch.bool).tril()
    mask = torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)[:, None]
    begins = torch.ones_like(asked, dtype=torch.bool)
    begins[:, 1:] = asked[:, 1:] != asked[:, :-1]
    place = torch.arange(WIDTH)
    positions = place - torch.where(begins, place, 0).cummax(dim=1).values
    labels = ids.masked_fill(ids == PAD, -100)
    return theirs(input_ids=ids, attention_mask=mask, position_ids=positions, labels=labels).loss  # type: ignore[no-any-return]


def corrupted_loss(theirs: Any, batch: Prepared) -> torch.Tensor:
    """Their own loss of a masked or corrupted batch; what a T5's decoder reads they make of the labels."""
    labels = batch.targets.masked_fill(batch.targets == IGNORED, -100)
    if batch.source is None:
        return theirs(input_ids=batch.tokens, labels=labels).loss  # type: ignore[no-any-return]
    visible = (batch.source != PAD).long()
    return theirs(input_ids=batch.source, attention_mask=visible, labels=labels).loss  # type: ignore[no-any-return]
