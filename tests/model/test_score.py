"""Likelihoods of continuations: transformers' own on the same weights, whatever the batches."""

from __future__ import annotations

import pytest
import torch
import transformers

from model.config import ModelConfig
from model.huggingface import to_state
from model.huggingface_configs import to_config
from model.score import score
from model.transformer import Transformer

CONFIG = ModelConfig(vocab_size=97, d_model=32, n_layers=2, n_heads=4, n_kv_heads=2)
REQUESTS = [((0,), (5, 6)), ((0, 7, 8, 9), (1,)), (tuple(range(30)), (3, 2, 1)), ((4,), tuple(range(20)))]


@pytest.fixture(scope="module")
def model() -> Transformer:
    return Transformer(CONFIG, seed=5)


@pytest.mark.parametrize("batch_tokens", [1, 40, 10_000])
def test_likelihoods_are_those_of_transformers(model: Transformer, batch_tokens: int) -> None:
    other = transformers.LlamaForCausalLM(transformers.LlamaConfig(**to_config(CONFIG)))
    other.load_state_dict(to_state(CONFIG, model.state_dict()))
    for (context, continuation), (nats, greedy) in zip(REQUESTS, score(model, REQUESTS, 64, batch_tokens), strict=True):
        ids = torch.tensor([[*context, *continuation]])
        with torch.no_grad():
            logits = other(ids).logits[0, len(context) - 1 : -1]
        wanted = torch.tensor(continuation)
        expected = torch.nn.functional.cross_entropy(logits, wanted, reduction="sum")
        assert nats == pytest.approx(float(expected), rel=1e-5)
        assert greedy == bool((logits.argmax(-1) == wanted).all())


def test_what_a_model_would_write_is_greedy(model: Transformer) -> None:
    written = [0, 1]
    for _ in range(4):
        written.append(int(model(torch.tensor([written]))[0, -1].argmax()))
    assert score(model, [(written[:2], written[2:])], 64)[0][1]


def test_long_requests_lose_their_beginning(model: Transformer) -> None:
    context, continuation = tuple(range(40)), (1, 2)
    [(cut, _)] = score(model, [(context, continuation)], 10)
    [(short, _)] = score(model, [(context[-9:], continuation)], 64)
    assert cut == pytest.approx(short, abs=1e-6)


@pytest.mark.parametrize("length", [10, 11, 12, 49])
def test_of_a_continuation_longer_than_the_window_every_token_is_scored(model: Transformer, length: int) -> None:
    """In steps of half a window, as documents are: else the longest of several answers would be the cheapest."""
    tokens, seen = [7, 0, *(5 * n % 89 for n in range(length))], 10
    expected, greedy = 0.0, True
    for start in range(2, len(tokens), 5):
        stop = min(start + 5, len(tokens))
        ids = tokens[max(0, stop - seen - 1) : stop]
        with torch.no_grad():
            logits = model(torch.tensor([ids[:-1]]))[0, start - stop :]
        wanted = torch.tensor(tokens[start:stop])
        expected += float(torch.nn.functional.cross_entropy(logits, wanted, reduction="sum"))
        greedy &= bool((logits.argmax(-1) == wanted).all())
    found = score(model, [((1,), (2, 3)), (tokens[:2], tokens[2:])], seen)
    if length > seen:
        assert found[1][0] == pytest.approx(expected, rel=1e-5) and found[1][1] is greedy
    assert found[1][0] > 3.5 * length and found[0] == score(model, [((1,), (2, 3))], seen)[0]
