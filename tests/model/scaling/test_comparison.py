"""Two corpora compared: differences found where they are, and none claimed where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from model.scaling.comparison import Comparison, Pair, compare
from storage.errors import UserError


def pairs(effect: float, noise: float, slope: float = 0.0, seeds: int = 2, seed: int = 0) -> list[Pair]:
    random = np.random.default_rng(seed)
    return [
        Pair(
            f"rung {i}", 1e4 * 2**i, 1e6, 10 ** (11 + i / 2), s, a, a + effect + slope * i / 2 + noise * random.normal()
        )
        for i in range(6)
        for s in range(seeds)
        for a, luck in ((3.0 - 0.1 * i + 0.02 * random.normal(), noise * random.normal()),)
    ]


def test_a_difference_is_found_with_its_sign() -> None:
    better, worse = compare(pairs(-0.05, 0.004), names=("x", "y")), compare(pairs(0.05, 0.004), names=("x", "y"))
    assert {rung.words for rung in better.rungs} == {"y is better"} and "y is better" in better.verdict
    assert {rung.words for rung in worse.rungs} == {"x is better"}
    assert better.mean.low < -0.05 < better.mean.high
    assert better.noise == pytest.approx(0.004, rel=0.6)


def test_no_difference_is_claimed_more_often_than_a_tenth() -> None:
    claims = [compare(pairs(0.0, 0.004, seed=seed)) for seed in range(60)]
    wrong = sum("not distinguishable" not in words(found) for found in claims)
    assert wrong <= 14  # ten in a hundred by design: more than 14 of 60 happens once in four hundred
    rungs = [rung.words for found in claims for rung in found.rungs]
    assert 0.8 < rungs.count("not distinguishable") / len(rungs) < 0.98


def words(found: Comparison) -> str:
    return found.verdict.partition(";")[0]


def test_a_difference_that_shrinks_with_scale_is_extrapolated() -> None:
    found = compare(pairs(-0.06, 0.001, slope=0.02), far=10)
    assert found.slope.low < 0.02 < found.slope.high
    assert found.far.value == pytest.approx(-0.06 + 0.02 * 3.5, abs=0.006)
    assert found.far_flops == pytest.approx(10 * 10**13.5)
    assert found.far.high - found.far.low > found.mean.high - found.mean.low  # further is less certain


def test_without_repeats_nothing_can_be_told() -> None:
    with pytest.raises(UserError, match="no rung with a second seed"):
        compare(pairs(0.1, 0.01, seeds=1))
    with pytest.raises(UserError, match="fewer than two rungs"):
        compare(pairs(0.1, 0.01)[:2])
