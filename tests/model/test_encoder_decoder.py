"""T5: padding and the cache change nothing; buckets as transformers has them."""

from __future__ import annotations

import pytest
import torch
from transformers import T5Config
from transformers.models.t5.modeling_t5 import T5Attention

from model.attention import KVCache
from model.config import ModelConfig
from model.encoder_decoder import EncoderDecoder
from model.positions import distance_buckets
from model.presets import preset

SIZES = {"vocab_size": 97, "d_model": 32, "n_layers": 2, "decoder_layers": 3, "n_heads": 4, "n_kv_heads": 4}


def model_of(name: str) -> EncoderDecoder:
    config = ModelConfig.model_validate({**preset(name).model_dump(), **SIZES, "ffn_dim": 48, "max_positions": 60})
    return EncoderDecoder(config, seed=1).eval()


def ids(rows: int, positions: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(2, 97, (rows, positions), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", ["t5-base", "bart-base"])
def test_a_cache_changes_no_logit(name: str) -> None:
    model = model_of(name)
    source, tokens = ids(2, 9), ids(2, 12, seed=1)
    memory = model.encode(source)
    cache = KVCache.empty(model.config, 2, 12, model.embedding.weight)
    with torch.no_grad():
        parts = [model.decode(part, memory, cache=cache) for part in tokens.split([5, 1, 1, 5], dim=1)]
        logits = model.head(model.before_head(torch.cat(parts, dim=1)))
        torch.testing.assert_close(logits, model(source, tokens), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["t5-base", "bart-base"])
def test_padding_of_the_source_is_not_seen(name: str) -> None:
    model = model_of(name)
    source, tokens = ids(2, 9), ids(2, 5, seed=1)
    padded = torch.cat([source, ids(2, 4, seed=2)], dim=1)
    visible = torch.arange(13).expand(2, 13) < 9
    torch.testing.assert_close(model(padded, tokens, visible), model(source, tokens), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("causal", [True, False])
def test_buckets_are_those_of_transformers(causal: bool) -> None:
    model = ModelConfig.model_validate({**preset("t5-base").model_dump(), **SIZES})
    theirs = T5Attention(T5Config(is_decoder=causal, num_heads=4, d_model=32, d_kv=8), True)
    distance = torch.arange(700)[None, :] - torch.arange(700)[:, None]
    expected = theirs._relative_position_bucket(distance, not causal, 32, 128)
    assert torch.equal(distance_buckets(model, torch.arange(700), 700, causal), expected)
    assert torch.equal(distance_buckets(model, torch.tensor([699]), 700, causal), expected[-1:])
