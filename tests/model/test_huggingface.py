"""Every family against `transformers` with the same weights, written and read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

from model.attention import KVCache
from model.build import LanguageModel, build_model
from model.config import ModelConfig
from model.huggingface import from_state, to_state
from model.huggingface_configs import family_of, from_config, to_config
from model.parts import RopeScaling
from model.presets import PRESETS, preset
from storage.errors import UserError

SMALL = {"vocab_size": 97, "d_model": 32, "n_layers": 3, "n_heads": 4, "max_positions": 40}


def small(name: str, **changes: Any) -> ModelConfig:
    """A model of a preset's kind that a test can afford."""
    sizes = SMALL | {"n_kv_heads": 4, "ffn_dim": 56} | changes
    return ModelConfig.model_validate({**preset(name).model_dump(), **sizes})


CONFIGS = {
    "llama": small("llama3-8b", n_kv_heads=2),
    "llama-tied": small("llama2-7b", tied_embeddings=True),
    "llama-linear": small("llama3-8b", rope_scaling=RopeScaling(factor=4.0)),
    "llama3.1": small(
        "llama3-8b", head_width=16, rope_scaling=RopeScaling(kind="llama3", original_positions=16, factor=8.0)
    ),
    "gpt2": small("gpt2"),
    "bert": small("bert-base-mlm"),
    "t5": small("t5-base", decoder_layers=2, relative_buckets=8, relative_distance=12),
    "t5-1.1": small(
        "t5-base", decoder_layers=4, head_width=12, activation="geglu", tied_embeddings=False, scaled_head=False
    ),
    "bart": small("bart-base", decoder_layers=2),
}
CAUSAL = [name for name, config in CONFIGS.items() if config.kind == "decoder"]
CLASSES = {
    "decoder": AutoModelForCausalLM,
    "encoder": AutoModelForMaskedLM,
    "encoder_decoder": AutoModelForSeq2SeqLM,
}


def shaken(config: ModelConfig) -> Any:
    """A model none of whose weights is where it starts: a forgotten bias or scale would not show."""
    model = build_model(config, seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=generator))
    return model.eval()


def exported(model: LanguageModel, folder: Path) -> Path:
    (folder / "config.json").write_text(json.dumps(to_config(model.config)))
    save_file(to_state(model.config, model.state_dict()), folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def loaded(config: ModelConfig, folder: Path) -> Any:
    theirs, found = CLASSES[config.kind].from_pretrained(folder, output_loading_info=True)
    assert not found["missing_keys"] and not found["unexpected_keys"], found
    return theirs.eval()


def tokens(rows: int, positions: int) -> torch.Tensor:
    return torch.randint(2, 97, (rows, positions), generator=torch.Generator().manual_seed(0))


def logits_of(model: Any, ids: torch.Tensor) -> torch.Tensor:
    """Ours or theirs; an encoder reads the ids backwards."""
    theirs = not hasattr(model, "before_head")
    if theirs and model.config.is_encoder_decoder:
        return model(input_ids=ids.flip(1), decoder_input_ids=ids).logits
    if not theirs and model.config.kind == "encoder_decoder":
        return model(ids.flip(1), ids)
    return model(ids).logits if theirs else model(ids)


@pytest.mark.parametrize("name", [*CONFIGS])
def test_logits_and_gradients_equal_those_of_transformers(name: str, tmp_path: Path) -> None:
    ours = shaken(CONFIGS[name])
    theirs = loaded(ours.config, exported(ours, tmp_path))
    ids = tokens(3, 21)
    logits, their_logits = logits_of(ours, ids), logits_of(theirs, ids)
    torch.testing.assert_close(logits, their_logits, rtol=1e-5, atol=2e-5)
    logits.float().logsumexp(-1).sum().backward()
    their_logits.float().logsumexp(-1).sum().backward()
    gradients = to_state(ours.config, {n: w.grad for n, w in ours.named_parameters() if w.grad is not None})
    their_weights = dict(theirs.named_parameters())
    for weight, gradient in gradients.items():
        expected = their_weights[weight].grad
        # a bias on keys moves all scores of a query alike: its gradient is 0 but for rounding
        error = (gradient - expected).norm() / expected.norm().clamp(min=0.1)
        assert error < 1e-5, weight


@pytest.mark.parametrize("name", [*CONFIGS])
def test_what_is_written_can_be_read_back(name: str, tmp_path: Path) -> None:
    ours = shaken(CONFIGS[name])
    folder = exported(ours, tmp_path)
    config = from_config(json.loads((folder / "config.json").read_text()))
    again = build_model(config, seed=9).eval()
    again.load_state_dict(from_state(config, load_file(folder / "model.safetensors")))
    assert torch.equal(logits_of(again, tokens(2, 9)), logits_of(ours, tokens(2, 9)))


@pytest.mark.parametrize("name", [*CONFIGS])
def test_what_transformers_saves_can_be_read(name: str, tmp_path: Path) -> None:
    ours = shaken(CONFIGS[name])
    (tmp_path / "ours").mkdir()
    loaded(ours.config, exported(ours, tmp_path / "ours")).save_pretrained(tmp_path / "theirs")
    config = from_config(json.loads((tmp_path / "theirs" / "config.json").read_text()))
    again = build_model(config).eval()
    again.load_state_dict(from_state(config, load_file(tmp_path / "theirs" / "model.safetensors")))
    assert torch.equal(logits_of(again, tokens(2, 9)), logits_of(ours, tokens(2, 9)))


def test_berts_segments_padding_and_pooler_equal_theirs(tmp_path: Path) -> None:
    ours = shaken(small("bert-base"))
    folder = exported(ours, tmp_path)
    theirs = AutoModel.from_pretrained(folder).eval()
    ids, segments = tokens(2, 12), torch.tensor([[0] * 7 + [1] * 5] * 2)
    visible = torch.tensor([[True] * 12, [True] * 8 + [False] * 4])
    expected = theirs(ids, attention_mask=visible.long(), token_type_ids=segments)
    hidden = ours.hidden(ids, segments_BT=segments, visible_BS=visible)
    torch.testing.assert_close(hidden[visible], expected.last_hidden_state[visible], rtol=1e-5, atol=2e-5)
    torch.testing.assert_close(ours.pool(hidden), expected.pooler_output, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("name", CAUSAL)
def test_a_cache_changes_no_logit(name: str) -> None:
    model = shaken(CONFIGS[name])
    ids = tokens(2, 12)
    cache = KVCache.empty(model.config, 2, 12, model.embedding.weight)
    with torch.no_grad():
        logits = torch.cat([model(part, cache) for part in ids.split([5, 1, 6], dim=1)], dim=1)
        torch.testing.assert_close(logits, model(ids), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CAUSAL)
def test_padding_before_a_prompt_is_not_seen(name: str) -> None:
    model = shaken(CONFIGS[name])
    ids = tokens(1, 10)
    noise = ids.clone()
    noise[0, :4] = 5
    visible = torch.tensor([[False] * 4 + [True] * 6])
    torch.testing.assert_close(model(noise, visible_BS=visible)[:, 4:], model(ids, visible_BS=visible)[:, 4:])


def test_every_position_of_an_encoder_sees_every_other() -> None:
    model = shaken(CONFIGS["bert"])
    ids = tokens(1, 8)
    changed = ids.clone()
    changed[0, 7] = 3
    assert not torch.allclose(model(ids)[0, 0], model(changed)[0, 0])


@pytest.mark.parametrize("name", [*PRESETS])
def test_presets_have_a_family_where_transformers_has_one(name: str) -> None:
    if name in ("gpt1", "chinchilla-70b", "elmo", "tiny-elmo"):
        with pytest.raises(UserError, match="no architecture"):
            family_of(PRESETS[name])
    else:
        assert from_config(to_config(PRESETS[name])).d_model == PRESETS[name].d_model


def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    ours = shaken(CONFIGS["gpt2"])
    state = to_state(ours.config, ours.state_dict())
    del state["transformer.h.1.ln_1.weight"]
    with pytest.raises(UserError, match=r"transformer\.h\.1\.ln_1\.weight"):
        from_state(ours.config, state)
    with pytest.raises(UserError, match="mamba"):
        from_config({"model_type": "mamba"})


def test_a_bart_that_computes_something_else_is_refused() -> None:
    config, state = to_config(CONFIGS["bart"]), shaken(CONFIGS["bart"]).state_dict()
    theirs = to_state(CONFIGS["bart"], state)
    with pytest.raises(UserError, match="adds a bias"):
        from_state(CONFIGS["bart"], theirs | {"final_logits_bias": torch.ones(1, 97)})
    for changes, told in (
        ({"scale_embedding": True}, "scales its embeddings"),
        ({"activation_function": "relu"}, "another activation"),
        ({"decoder_ffn_dim": 8}, "other sizes"),
    ):
        with pytest.raises(UserError, match=told):
            from_config(config | changes)
    with pytest.raises(UserError, match="no architecture"):
        family_of(CONFIGS["bart"].model_copy(update={"norm_eps": 1e-12}))
