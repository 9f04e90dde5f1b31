"""A look into a model: what it tells is what the model computes."""

from __future__ import annotations

import math

import pytest
import torch

from model.config import ModelConfig
from model.probe import probe
from model.probing import ProbeSpec
from model.transformer import Transformer
from storage.errors import UserError

SMALL = {"vocab_size": 64, "d_model": 32, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2}
IDS = tuple(range(3, 15))


def softmax_of(told: dict[str, list[list[float]]], temperature: float) -> list[float]:
    """Probabilities of the ids told, from the logits told, as the page computes them."""
    most = told["top"][0][1]
    top = [math.exp((logit - most) / temperature) for _, logit in told["top"]]
    rest = sum(count * math.exp((logit - most) / temperature) for logit, count in told["rest"])
    return [value / (sum(top) + rest) for value in top]


def test_a_decoders_numbers_are_the_models() -> None:
    model = Transformer(ModelConfig(**SMALL), seed=1)
    with torch.no_grad():
        logits = model(torch.tensor([IDS]))[0]
    told = probe(model, ProbeSpec(weights="", ids=IDS, write_tokens=3, top=10))
    nats = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(IDS[1:]), reduction="none")
    assert told["target_nats"][:-1] == pytest.approx(nats.tolist(), abs=1e-3) and told["target_nats"][-1] is None
    assert told["update"]["before"] == pytest.approx(float(nats.mean()), abs=1e-5)
    assert told["update"]["after"] < told["update"]["before"]
    assert told["next"][4]["top"][0][0] == int(logits[4].argmax())
    assert len(told["written"]["ids"]) == len(told["written"]["steps"]) == 3
    assert [step["top"][0][0] for step in told["written"]["steps"]] == told["written"]["ids"]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_any_temperature_can_be_had_from_what_is_told(temperature: float) -> None:
    model = Transformer(ModelConfig(**SMALL), seed=2)
    with torch.no_grad():
        logits = model(torch.tensor([IDS[:7]]))[0, -1]
    told = probe(model, ProbeSpec(weights="", ids=IDS, write_tokens=1, top=8))["written"]["steps"][0]
    expected = (logits / temperature).softmax(-1).sort(descending=True).values[:8]
    assert softmax_of(told, temperature) == pytest.approx(expected.tolist(), rel=0.02)


@pytest.mark.parametrize("causal", [True, False])
def test_attention_is_a_distribution_over_what_is_seen(causal: bool) -> None:
    model = Transformer(ModelConfig(**SMALL, causal=causal), seed=3)
    told = probe(model, ProbeSpec(weights="", ids=IDS, mask_id=2))
    weights = torch.tensor(told["attention"])
    assert weights.shape == (2, 4, len(IDS), len(IDS))
    assert weights.sum(-1) == pytest.approx(torch.ones(2, 4, len(IDS)), abs=0.02)
    ahead = weights.triu(1).abs().sum()
    assert (ahead == 0) == causal


def test_the_watched_weights_times_the_values_are_what_the_kernel_gives() -> None:
    from model.probe import Watcher

    q, k, v = (torch.randn(1, heads, 6, 8) for heads in (4, 2, 2))
    with Watcher() as watcher:
        out = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    assert torch.allclose(watcher.weights[0] @ v[0].repeat_interleave(2, 0), out[0], atol=1e-5)


def test_an_encoder_guesses_hidden_words_and_never_special_ones() -> None:
    model = Transformer(ModelConfig(**SMALL, causal=False, norm="layer", norm_first=False, masked_head=True), seed=4)
    told = probe(model, ProbeSpec(weights="", ids=(1, *IDS, 0), mask_id=2, special_ids=(0, 1, 2)))
    assert told["kind"] == "encoder"
    assert {one["way"] for one in told["masked"]} == {"mask", "random"}
    assert all(0 < one["place"] <= len(IDS) and one["id"] in IDS for one in told["masked"])
    assert all(one["shown"] == 2 for one in told["masked"] if one["way"] == "mask")


def test_what_cannot_be_looked_at_is_said() -> None:
    with pytest.raises(UserError, match="vocabulary"):
        probe(Transformer(ModelConfig(**SMALL)), ProbeSpec(weights="", ids=(1, 64)))
    with pytest.raises(UserError, match="mask"):
        probe(Transformer(ModelConfig(**SMALL, causal=False)), ProbeSpec(weights="", ids=IDS))
