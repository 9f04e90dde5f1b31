"""The ladder: which runs there are, in which order, and the rules that set them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from model.config import TrainConfig
from model.memory import count_parameters
from model.scaling.ladder import LadderConfig, Shape, batch_tokens, learning_rate, rungs
from storage.errors import UserError


def test_the_default_ladder_is_a_grid_two_cores_can_climb() -> None:
    found = rungs(LadderConfig(), vocab_size=4096)
    assert 9 <= len(found) <= 12
    assert len({rung.params for rung in found}) >= 3
    assert len({rung.train.train_tokens for rung in found}) >= 3
    assert [rung.flops for rung in found] == sorted(rung.flops for rung in found)
    assert len({rung.name for rung in found}) == len(found)
    assert sum(rung.flops for rung in found) < 3e12


def test_a_rung_says_what_it_will_cost() -> None:
    rung = rungs(LadderConfig(), vocab_size=1000)[0]
    assert rung.params == count_parameters(rung.model).total
    assert rung.flops == 6 * rung.params * rung.train.train_tokens
    assert rung.model.vocab_size == 1000


def test_the_published_rules() -> None:
    config = LadderConfig()
    # step-law.github.io gives 1B parameters and 100B tokens about 1.6e-3 and 1.1M tokens a step
    assert learning_rate(config, 10**9, 10**11) == pytest.approx(1.6e-3, rel=0.1)
    assert batch_tokens(config, 10**11) == pytest.approx(1.1e6, rel=0.05)


def test_warm_up_is_as_long_as_the_model_is_large_up_to_its_share() -> None:
    config = LadderConfig(train_tokens=(10_000_000,), max_flops=1e18, max_warmup_frac=0.03)
    small, *_, large = rungs(config, vocab_size=4096)
    assert small.train.warmup_frac == pytest.approx(small.params / 10_000_000)
    assert large.train.warmup_frac == 0.03


def test_seeds_budgets_and_multiples() -> None:
    shape = Shape(d_model=32, n_layers=1, n_heads=2, n_kv_heads=1)
    config = LadderConfig(sizes=(shape,), train_tokens=(50_000,), tokens_per_param=(2.0,), seeds=(0, 1), max_flops=1e15)
    found = rungs(config, 512, base_train=TrainConfig(weight_decay=0.3))
    assert sorted((rung.train.train_tokens, rung.train.seed) for rung in found) == sorted(
        [(50_000, 0), (50_000, 1), (2 * found[0].params, 0), (2 * found[0].params, 1)]
    )
    assert {rung.train.weight_decay for rung in found} == {0.3}


def test_mistakes_are_told() -> None:
    with pytest.raises(UserError, match="no run within its budget"):
        rungs(LadderConfig(max_flops=1.0), 4096)
    with pytest.raises(ValidationError, match="train_tokens"):
        LadderConfig(train_tokens=())
    with pytest.raises(ValidationError, match="even number"):
        rungs(LadderConfig(sizes=(Shape(d_model=30, n_layers=1, n_heads=4, n_kv_heads=2),)), 4096)
