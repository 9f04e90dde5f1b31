"""Ladders designed for a time: bracketed valleys, an honest price, and a learning rate that is checked."""

from __future__ import annotations

import numpy as np
import pytest

from model.config import ModelConfig
from model.scaling.design import PRIOR, bracketed, design, shape_of, simulate
from model.scaling.ladder import LadderConfig, Rung, make_rung, rungs, with_rate
from model.scaling.rate_check import beyond, check_rate, corrected, swept
from model.scaling.speed import Speed, assumed_speed, fit_speed, training_bytes
from storage.errors import UserError

CORE = Speed(overhead=2e-3, flops_per_second=1.5e10, device="a core", measured=True)


@pytest.mark.parametrize("minutes, workers", [(25, 2), (60, 1), (600, 4)])
def test_a_ladder_fits_its_time_and_brackets_every_valley(minutes: float, workers: int) -> None:
    found = design(60 * minutes, CORE, 512, 128, workers, simulations=2)
    assert 0.7 * 60 * minutes < found.seconds <= 60 * minutes
    assert min(found.each_side) >= 2 and found.each_side == bracketed(found.ladder, PRIOR)
    assert len(found.ladder) >= 20 and len(found.config.budgets) == 4
    assert found.flops == sum(rung.flops for rung in found.ladder)
    alone = sum(CORE.seconds(rung, 128) for rung in found.ladder)
    assert found.seconds > alone / workers  # the sweep and the slack come on top


def test_more_time_buys_larger_budgets_and_narrower_answers() -> None:
    short, long = (design(60 * m, CORE, 512, 128, 2, simulations=12) for m in (25, 400))
    assert max(long.config.budgets) > 3 * max(short.config.budgets)
    assert long.ladder[-1].flops == pytest.approx(max(long.config.budgets), rel=1e-3)


def test_the_designed_ladder_is_the_one_that_runs() -> None:
    found = design(1500, CORE, 512, 128, 2, simulations=1)
    again = rungs(LadderConfig.model_validate(found.config.model_dump()), 512)
    assert [rung.name for rung in again] == [rung.name for rung in found.ladder]
    middle = [rung for rung in again if rung.train.seed > 0]
    assert {rung.train.seed for rung in middle} == {1, 2} and len({rung.flops for rung in middle}) == 1
    sizes = sorted({rung.params for rung in again})
    assert sizes[0] < middle[0].params < sizes[-1]


def test_a_large_vocabulary_leaves_no_room() -> None:
    with pytest.raises(UserError, match="smaller --vocab"):
        design(1500, CORE, 32_768, 128, 2, simulations=1)


def test_rehearsals_scatter_as_much_as_seeds_do() -> None:
    ladder = design(1500, CORE, 512, 128, 2, simulations=1).ladder
    quiet, loud = (simulate(ladder, PRIOR, 12, noise) for noise in (1e-4, 1e-2))
    for name in ("params_exponent", "loss"):
        assert quiet[name].low <= quiet[name].value <= quiet[name].high
        assert loud[name].high - loud[name].low > 5 * (quiet[name].high - quiet[name].low)


def test_speed_is_overhead_and_arithmetic() -> None:
    flops = [1e8, 1e9, 4e9]
    found = fit_speed(flops, [2e-3 + f / 2e10 for f in flops], "cpu")
    assert (found.overhead, found.flops_per_second) == pytest.approx((2e-3, 2e10))
    with pytest.raises(UserError, match="do not take longer"):
        fit_speed([1e8, 1e9], [1.0, 1e-3], "cpu")
    assert not assumed_speed("h200").measured
    with pytest.raises(UserError, match="no device 'abacus'"):
        assumed_speed("abacus")


def test_memory_grows_with_the_model_and_the_batch() -> None:
    small, large = (ModelConfig(**shape_of(width).model_dump()) for width in (32, 512))
    assert training_bytes(small, 1024, 128) < training_bytes(large, 1024, 128) < training_bytes(large, 8192, 128)
    assert training_bytes(large, 128, 128) > 16 * 20e6


@pytest.fixture
def ends() -> tuple[Rung, ...]:
    return swept(LadderConfig(), rungs(LadderConfig(), 512))


def test_the_sweep_is_of_the_smallest_and_the_largest_size(ends: tuple[Rung, ...]) -> None:
    every = rungs(LadderConfig(), 512)
    assert [rung.params for rung in ends] == [min(r.params for r in every), max(r.params for r in every)]
    cheapest = min(every, key=lambda rung: rung.flops)
    assert ends[0] == cheapest
    assert cheapest.flops < ends[1].flops < min(r.flops for r in every if r.params == ends[1].params)
    half = with_rate(ends[0], 0.5)
    assert half.train.learning_rate == pytest.approx(ends[0].learning_rate / 2) and half.name != ends[0].name


def sweep(best: float) -> dict[float, float]:
    return {factor: 2 + 0.05 * float(np.log(factor / best)) ** 2 for factor in (0.25, 0.5, 1.0, 2.0, 4.0)}


def test_a_rule_that_holds_is_left_alone_and_one_that_does_not_is_corrected(ends: tuple[Rung, ...]) -> None:
    config = LadderConfig()
    good = [check_rate(rung, sweep(1.2)) for rung in ends]
    assert all(check.holds and not check.edge for check in good)
    assert good[0].best == pytest.approx(1.2, rel=1e-6)
    assert corrected(config, good) is config
    off = [check_rate(ends[0], sweep(0.4)), check_rate(ends[1], sweep(1.0))]
    assert [check.holds for check in off] == [False, True]
    moved = corrected(config, off)
    for rung, factor in zip(ends, (0.4, 1.0), strict=True):
        same = make_rung(moved, rung.model, rung.train, rung.tokens)
        assert same.learning_rate == pytest.approx(factor * rung.learning_rate, rel=0.06)


def test_a_best_rate_at_the_edge_is_said(ends: tuple[Rung, ...]) -> None:
    assert check_rate(ends[0], {0.5: 2.0, 1.0: 2.1, 2.0: 2.3}).edge
    assert check_rate(ends[0], {1.0: 2.1}).best == 1.0
    assert beyond({0.5: 2.0, 1.0: 2.1}) == [0.25] and beyond({0.5: 2.2, 1.0: 2.1}) == [2.0]
    assert beyond({0.5: 2.2, 1.0: 2.1, 2.0: 2.3}) == [] == beyond({})
