"""Memory by formula: the lesson's numbers, and what tensors of a real training step hold at its peak."""

from __future__ import annotations

import weakref
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from model import loss
from model.build import build_model
from model.config import ModelConfig, TrainConfig
from model.memory import count_parameters
from model.memory_plan import Layout, cache_table, logits_bytes, training_need
from model.objective import blocks_of, prepare_blocks
from model.objectives import losses_of
from model.optim import make_optimizer
from model.prepare import Prepared
from model.presets import preset
from model.rules import settle


def test_the_lessons_table_of_a_70b_model() -> None:
    """A parameter takes 4 bytes (2 in bf16), its gradient as many, AdamW's moments 8: 280, 140 and 560 GB of 70B."""
    config = preset("llama3-70b")
    billions = count_parameters(config).total / 1e9
    whole, half = (training_need(config, Layout(precision=name)) for name in ("float32", "pure_bf16"))
    for need, gb in ((whole, 280), (half, 140)):
        assert need.weights / billions * 70 == need.gradients / billions * 70 == pytest.approx(gb * 1e9)
        assert need.optimizer / billions * 70 == pytest.approx(560e9)


def test_caches_side_by_side() -> None:
    table = cache_table(preset("llama3-8b"), 1)
    assert table == {"MHA": 4 * 131_072, "GQA": 131_072, "MQA": 131_072 / 8}


def test_sharding_divides() -> None:
    config = preset("llama3-70b")
    one = training_need(config, Layout(precision="pure_bf16"))
    many = training_need(config, Layout(gpus=64, tensor=8, fsdp=True, precision="pure_bf16"))
    assert many.weights == one.weights / 64 and many.optimizer == one.optimizer / 64
    assert many.activations == one.activations / 8
    staged = training_need(config, Layout(gpus=8, pipeline=8, precision="pure_bf16"))
    assert staged.weights == one.weights / 8 and staged.activations == one.activations
    assert one.waiting == 0 and staged.waiting == staged.gradients  # of microbatches that are done


def test_attention_that_keeps_scores_needs_more_the_longer_the_text() -> None:
    config = preset("llama3-8b")

    def ratio(length: int) -> float:
        plain, flash = (training_need(config, Layout(length=length, flash=kept)).activations for kept in (False, True))
        return plain / flash

    assert 1 < ratio(512) < ratio(2048) < ratio(8192)


@pytest.mark.parametrize("vocabulary", [512, 4096, 128_256])
def test_the_chunk_of_logits_is_that_of_the_loss(vocabulary: int) -> None:
    config = ModelConfig(vocab_size=vocabulary)
    rows = loss.rows_at_once(vocabulary)
    assert logits_bytes(config, Layout(precision="float32", length=10**6)) == 4 * rows * vocabulary


class Tracker(TorchDispatchMode):
    """Bytes of all tensors that live, and the most there were."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self._live: dict[int, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor) and (storage := tensor.untyped_storage())._cdata not in self._live:
                self._live[storage._cdata] = storage.nbytes()
                self.now += storage.nbytes()
                self.most = max(self.most, self.now)
                weakref.finalize(storage, self._free, storage._cdata)
        return out

    def _free(self, key: int) -> None:
        self.now -= self._live.pop(key)


SIZES = {"d_model": 96, "n_layers": 4, "n_heads": 6, "n_kv_heads": 6, "vocab_size": 1024, "init_std": None}


@pytest.mark.parametrize(
    ("name", "changes", "layout"),
    [
        ("llama3-8b", {"n_kv_heads": 2, "ffn_dim": 256}, Layout(precision="float32", length=256, batch=4)),
        ("llama3-8b", {"ffn_dim": 256}, Layout(precision="float32", length=512, batch=2, checkpointing="full")),
        ("llama3-8b", {"ffn_dim": 256}, Layout(precision="bf16", length=256, batch=4)),
        ("llama3-8b", {"ffn_dim": 256}, Layout(precision="float32", length=256, batch=2, parts=2)),
        ("llama3-8b", {"ffn_dim": 256}, Layout(precision="bf16", length=256, batch=2, parts=3)),
        ("gpt2", {}, Layout(precision="float32", length=256, batch=4)),
        ("bert-base-mlm", {"max_positions": 256}, Layout(precision="float32", length=256, batch=4)),
    ],
)
def test_predictions_are_within_a_twentieth_of_what_tensors_hold(name: str, changes: Any, layout: Layout) -> None:
    config = ModelConfig.model_validate(preset(name).model_dump() | SIZES | {"ffn_dim": None} | changes)
    train = TrainConfig(recompute=layout.checkpointing == "full")
    with Tracker() as tracker:
        model = build_model(config)
        prepare_blocks(blocks_of(model), train)
        optimizer = make_optimizer(model, settle(train, config))
        tokens = torch.randint(0, config.vocab_size, (layout.batch, layout.length + 1))
        for _ in range(2):
            for _ in range(layout.parts):
                with torch.autocast("cpu", torch.bfloat16, enabled=layout.precision == "bf16"):
                    nats = losses_of(model, Prepared(tokens[:, :-1], tokens[:, 1:])).tokens
                nats.backward()
                del nats
            optimizer.step()
            optimizer.zero_grad()
    assert training_need(config, layout).total == pytest.approx(tracker.most, rel=0.05)
