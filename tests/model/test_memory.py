"""Counts by formula: the published ones, and those of the real modules."""

from __future__ import annotations

import pytest
import torch

from model.build import build_model
from model.config import ModelConfig
from model.memory import count_parameters, kv_cache_bytes, training_flops
from model.presets import PRESETS, preset
from storage.errors import UserError


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("gpt1", 116_534_784),
        ("gpt2", 124_439_808),
        ("gpt2-medium", 354_823_168),
        ("gpt2-large", 774_030_080),
        ("gpt2-xl", 1_557_611_200),
        ("bert-base", 109_482_240),
        ("bert-base-mlm", 109_514_298),
        ("bert-base-pretraining", 110_106_428),
        ("bert-large", 335_141_888),
        ("llama-7b", 6_738_415_616),
        ("llama-65b", 65_285_660_672),
        ("llama2-7b", 6_738_415_616),
        ("llama2-70b", 68_976_648_192),
        ("llama3-8b", 8_030_261_248),
        ("llama3-70b", 70_553_706_496),
        ("llama3-405b", 405_853_388_800),
        ("t5-small", 60_506_624),
        ("t5-base", 222_903_552),
        ("t5-large", 737_668_096),
        ("bart-base", 139_420_416),
        ("elmo", 93_600_864),
    ],
)
def test_published_parameter_counts(name: str, published: int) -> None:
    assert count_parameters(preset(name)).total == published


@pytest.mark.parametrize(("name", "billions"), [("gpt3-175b", 175), ("chinchilla-70b", 70)])
def test_some_have_the_size_in_their_name(name: str, billions: int) -> None:
    assert round(count_parameters(preset(name)).total / 1e9) == billions


def test_chinchilla_needs_the_matrix_of_distances_to_be_70b() -> None:
    plain = preset("chinchilla-70b").model_copy(update={"positions": "rotary"})
    assert round(count_parameters(plain).total / 1e9) == 65


@pytest.mark.parametrize(
    ("millions", "d_model", "head_width", "n_heads", "n_layers"),
    [
        (44, 512, 64, 8, 8), (57, 576, 64, 9, 9), (74, 640, 64, 10, 10), (90, 640, 64, 10, 13), (117, 768, 64, 12, 12),
        (175, 896, 64, 14, 14), (278, 1024, 64, 16, 18), (425, 1280, 128, 10, 18), (587, 1408, 128, 11, 21),
        (816, 1536, 128, 12, 25), (1143, 1792, 128, 14, 26), (1266, 2048, 128, 16, 22), (1609, 2176, 128, 17, 25),
        (2283, 2304, 128, 18, 32), (2639, 2560, 128, 20, 30), (3530, 2688, 128, 22, 36), (4084, 2944, 128, 22, 36),
        (4516, 3072, 128, 24, 36), (6796, 3584, 128, 28, 40), (9293, 4096, 128, 32, 42), (11452, 4352, 128, 32, 47),
        (12295, 4608, 128, 36, 44), (14940, 4992, 128, 32, 49), (16183, 5120, 128, 40, 47),
    ],
)  # fmt: skip
def test_chinchillas_models_have_their_sizes(
    millions: int, d_model: int, head_width: int, n_heads: int, n_layers: int
) -> None:
    """Hoffmann et al. 2022, table A9: to the million, with six widths of biases a block, which the preset has not."""
    sizes = {"d_model": d_model, "head_width": head_width, "n_heads": n_heads, "n_layers": n_layers}
    config = ModelConfig.model_validate({**preset("chinchilla-70b").model_dump(), **sizes, "n_kv_heads": n_heads})
    assert (count_parameters(config).total + 6 * d_model * n_layers) / 1e6 == pytest.approx(millions, abs=0.5)


@pytest.mark.parametrize("name", [*PRESETS])
def test_formula_equals_the_modules(name: str) -> None:
    config = PRESETS[name]
    with torch.device("meta"):
        model = build_model(config)
    count = count_parameters(config)
    assert sum(weight.numel() for weight in model.parameters()) == count.total
    embeddings = [weight.numel() for name, weight in model.named_parameters() if "embedding" in name]
    assert sum(embeddings) == count.embedding == count.total - count.non_embedding


def test_tied_embeddings_are_counted_once() -> None:
    config = ModelConfig(tied_embeddings=True)
    model = build_model(config)
    assert sum(weight.numel() for weight in model.parameters()) == count_parameters(config).total


@pytest.mark.parametrize(
    ("name", "bytes_a_token"), [("llama3-8b", 131_072), ("llama3-70b", 327_680), ("llama3-405b", 516_096)]
)
def test_kv_cache_of_one_token_in_bfloat16(name: str, bytes_a_token: int) -> None:
    assert kv_cache_bytes(preset(name)) == bytes_a_token
    assert kv_cache_bytes(preset(name), tokens=100, bytes_per_value=4) == 200 * bytes_a_token


def test_flops_of_llama3_8b() -> None:
    assert training_flops(preset("llama3-8b"), 10**12) == pytest.approx(4.818e22, rel=1e-3)


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(UserError, match="llama3-70b"):
        preset("llama3-70")


@pytest.mark.parametrize("wrong", [{"d_model": 100, "n_heads": 3}, {"n_heads": 4, "n_kv_heads": 3}])
def test_shapes_that_cannot_be_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="n_heads"):
        ModelConfig(**wrong)
