"""The decoder against `transformers`' Llama with the same weights, with and without a cache."""

from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from model.attention import KVCache
from model.config import ModelConfig
from model.objectives import causal_loss
from model.transformer import Transformer

CONFIGS = [
    ModelConfig(vocab_size=97, d_model=32, n_layers=3, n_heads=4, n_kv_heads=2, ffn_dim=56),
    ModelConfig(vocab_size=97, d_model=32, n_layers=2, n_heads=4, n_kv_heads=1, rope_base=10_000.0),
    ModelConfig(vocab_size=97, d_model=24, n_layers=2, n_heads=2, n_kv_heads=2, tied_embeddings=True),
]


def their_names(layers: int) -> dict[str, str]:
    names = {"embedding": "model.embed_tokens", "norm": "model.norm", "head": "lm_head"}
    for i in range(layers):
        ours, theirs = f"blocks.{i}", f"model.layers.{i}"
        names |= {f"{ours}.attention.{part}": f"{theirs}.self_attn.{part}_proj" for part in "qkvo"}
        names |= {f"{ours}.feed_forward.{part}": f"{theirs}.mlp.{part}_proj" for part in ("gate", "up", "down")}
        names[f"{ours}.attention_norm"] = f"{theirs}.input_layernorm"
        names[f"{ours}.feed_forward_norm"] = f"{theirs}.post_attention_layernorm"
    return names


def make_pair(config: ModelConfig) -> tuple[Transformer, LlamaForCausalLM]:
    ours = Transformer(config, seed=1)
    with torch.no_grad():
        for weight in ours.parameters():
            if weight.ndim == 1:  # norms start at one, where a forgotten scale would not show
                weight.add_(0.1 * torch.randn_like(weight))
    theirs = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=config.vocab_size,
            hidden_size=config.d_model,
            intermediate_size=config.hidden_dim,
            num_hidden_layers=config.n_layers,
            num_attention_heads=config.n_heads,
            num_key_value_heads=config.n_kv_heads,
            rope_parameters={"rope_type": "default", "rope_theta": config.rope_base},
            rms_norm_eps=config.norm_eps,
            tie_word_embeddings=config.tied_embeddings,
            max_position_embeddings=64,
        )
    )
    names = their_names(config.n_layers)
    state = {f"{names[name.removesuffix('.weight')]}.weight": w for name, w in ours.state_dict().items()}
    theirs.load_state_dict(state)
    return ours, theirs


@pytest.mark.parametrize("config", CONFIGS)
def test_logits_and_gradients_equal_those_of_transformers(config: ModelConfig) -> None:
    ours, theirs = make_pair(config)
    tokens = torch.randint(2, config.vocab_size, (3, 21), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours(tokens), theirs(tokens).logits, rtol=1e-5, atol=1e-5)
    loss = causal_loss(ours, tokens, pad_id=1).mean
    their_loss = theirs(tokens, labels=tokens).loss
    torch.testing.assert_close(loss, their_loss, rtol=1e-5, atol=0)
    loss.backward()
    their_loss.backward()
    names, their_weights = their_names(config.n_layers), dict(theirs.named_parameters())
    for name, weight in ours.named_parameters():
        expected = their_weights[f"{names[name.removesuffix('.weight')]}.weight"].grad
        error = (weight.grad - expected).norm() / expected.norm()
        assert error < 1e-5, name


def test_padding_is_no_target() -> None:
    model = Transformer(CONFIGS[0])
    short = torch.tensor([[5, 6, 7, 8]])
    padded = torch.tensor([[5, 6, 7, 8, 1, 1]])
    assert int(causal_loss(model, padded, pad_id=1).tokens) == 3
    torch.testing.assert_close(causal_loss(model, padded, 1).nats, causal_loss(model, short, 1).nats)


def test_a_token_does_not_see_what_follows() -> None:
    model = Transformer(CONFIGS[0])
    tokens = torch.randint(0, 97, (1, 12))
    changed = tokens.clone()
    changed[0, 8:] = 3
    torch.testing.assert_close(model(tokens)[:, :8], model(changed)[:, :8], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("pieces", [[12], [5, 7], [1] * 12, [3, 1, 8]])
def test_a_cache_changes_no_logit(config: ModelConfig, pieces: list[int]) -> None:
    model, _ = make_pair(config)
    tokens = torch.randint(0, 97, (2, 12), generator=torch.Generator().manual_seed(3))
    cache = KVCache.empty(config, 2, 12, model.embedding.weight)
    with torch.no_grad():
        logits = torch.cat([model(part, cache) for part in tokens.split(pieces, dim=1)], dim=1)
        torch.testing.assert_close(logits, model(tokens), rtol=1e-4, atol=1e-5)


def test_initial_weights_are_a_matter_of_the_seed() -> None:
    one, same, other = (Transformer(CONFIGS[0], seed) for seed in (1, 1, 2))
    assert torch.equal(one.head.weight, same.head.weight) and not torch.equal(one.head.weight, other.head.weight)
    gpt2 = CONFIGS[0].model_copy(update={"biases": True, "norm": "layer", "masked_head": True, "pooler": True})
    one, same = Transformer(gpt2, 1), Transformer(gpt2, 1)
    assert all(torch.equal(weight, same.state_dict()[name]) for name, weight in one.state_dict().items())
    assert not any(weight.any() for name, weight in one.named_parameters() if name.endswith(".bias"))
