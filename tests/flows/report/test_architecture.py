"""Block diagrams: what the boxes hold adds up to the model, whichever it is."""

from __future__ import annotations

import pytest

from flows.report.architecture import describe, towers
from model.config import ModelConfig
from model.memory import count_parameters
from model.presets import PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_the_boxes_hold_every_parameter(name: str) -> None:
    held = 0
    for tower in towers(PRESETS[name]):
        alone = [*tower["before"], *tower["after"]]
        held += sum(box["params"] for box in alone) + tower["times"] * sum(box["params"] for box in tower["block"])
    assert held == count_parameters(PRESETS[name]).total


def test_sharing_keys_and_values_shrinks_the_cache_in_proportion() -> None:
    found = describe(PRESETS["llama3-8b"])["variants"]
    assert {name: one["kv_bytes"] for name, one in found.items()} == {
        "own": 131_072,
        "mha": 524_288,
        "gqa": 65_536,
        "mqa": 16_384,
    }
    assert found["mha"]["total"] - found["own"]["total"] == 2 * 32 * 4096 * (4096 - 1024)


def test_an_encoder_caches_nothing_and_two_towers_stand_side_by_side() -> None:
    assert describe(PRESETS["bert-base"])["variants"]["own"]["kv_bytes"] == 0
    encoder, decoder = towers(PRESETS["t5-base"])
    assert [tower["title"] for tower in (encoder, decoder)] == ["encoder", "decoder"]
    assert sum("attention to the encoder" in box["name"] for box in decoder["block"]) == 2
    assert towers(ModelConfig())[0]["after"][-1]["shape"] == "[B, T, 4096]"
