"""Vectors layer by layer: transformers' hidden states on the same weights; means over pieces and over passages."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers

from model.build import build_model
from model.config import ModelConfig
from model.embed import embed
from model.embedding import EmbedSpec
from model.huggingface import to_state
from model.huggingface_configs import family_of, to_config
from model.parts import LstmConfig
from model.presets import preset
from storage.errors import UserError

SMALL = {"vocab_size": 97, "d_model": 32, "n_layers": 2, "n_heads": 4, "ffn_dim": 48, "max_positions": 32}
PASSAGES = ((5, 6, 7, 8, 9), (11, 12), tuple(range(20, 32)), (40, 5, 6))
SPANS = ((1, 3, 0), (0, 2, 1), (4, 5, 0), (2, 3, 2))
OTHERS = {
    "llama": transformers.LlamaModel,
    "gpt2": transformers.GPT2Model,
    "bert": transformers.BertModel,
    "t5": transformers.T5EncoderModel,
}


def spec(**changes: Any) -> EmbedSpec:
    return EmbedSpec(**{"weights": "", "passages": PASSAGES, "spans": SPANS, "out": "", "batch_tokens": 30} | changes)


@pytest.mark.parametrize("name", ["tiny", "tiny-gpt2", "tiny-bert", "tiny-t5"])
def test_layers_are_those_of_transformers(name: str) -> None:
    config = preset(name).model_copy(update=SMALL | ({"decoder_layers": 1} if name == "tiny-t5" else {}))
    model, family = build_model(config, seed=3).eval(), family_of(config)
    settings = to_config(config)
    other = OTHERS[family](transformers.AutoConfig.for_model(**settings)).eval()
    prefixes = ("model.", "transformer.", "bert.", "")
    theirs = {
        next(name[len(p) :] for p in prefixes if name.startswith(p)): weight
        for name, weight in to_state(config, model.state_dict()).items()
    }
    _, unknown = other.load_state_dict(theirs, strict=False)
    assert all(name.startswith(("lm_head", "cls.", "decoder.")) for name in unknown)
    expected = []
    with torch.no_grad():
        for ids, (start, stop, _) in zip(PASSAGES, SPANS, strict=True):
            states = other(torch.tensor([ids]), output_hidden_states=True).hidden_states
            expected.append(torch.stack([state[0, start:stop].mean(0) for state in states]))
    found = embed(model, spec())
    assert found.shape == (3, 3, 32)
    wanted = torch.stack([(expected[0] + expected[2]) / 2, expected[1], expected[3]])
    assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_an_elmos_layers_are_its_words_and_both_directions() -> None:
    lstm = LstmConfig(cells=48, filters=((1, 16), (2, 16)), word_chars=8)
    model = build_model(ModelConfig(vocab_size=97, d_model=32, n_layers=2, lstm=lstm), seed=1)
    found = embed(model, spec())
    assert found.shape == (3, 3, 64)
    alone = embed(model, spec(passages=PASSAGES[1:2], spans=((0, 2, 0),)))
    assert torch.allclose(found[1], alone[0], atol=1e-6)


def test_without_positions_a_decoders_lowest_layer_does_not_see_the_context() -> None:
    model = build_model(preset("tiny").model_copy(update=SMALL), seed=2)
    found = embed(model, spec(passages=((5, 7), (6, 9, 7)), spans=((1, 2, 0), (2, 3, 1))))
    assert torch.equal(found[0, 0], found[1, 0]) and not torch.allclose(found[0, 2], found[1, 2], atol=1e-2)


def test_what_a_model_cannot_read_is_told() -> None:
    model = build_model(preset("tiny-bert").model_copy(update=SMALL))
    with pytest.raises(UserError, match="token id 97"):
        embed(model, spec(passages=((97, 1),), spans=((0, 1, 0),)))
    with pytest.raises(UserError, match="learned 32 positions"):
        embed(model, spec(passages=(tuple(range(40)),), spans=((0, 1, 0),)))
    with pytest.raises(ValueError, match="no span"):
        spec(passages=((1, 2),), spans=((1, 3, 0),))
