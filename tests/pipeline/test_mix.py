"""Sharing a token budget out: exact, fair, monotone, explained."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.optimize import linprog

from pipeline.mix import MixConfig, Quota, allocate, as_written, plan_mix, separate

NAMES = "abcdef"


@st.composite
def problems(draw: st.DrawFn) -> tuple[dict[str, float], dict[str, int], dict[str, float], int]:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True))
    weights = {name: draw(st.sampled_from([0.0, 0.02, 0.1, 0.15, 0.5, 1.0, 3.0])) for name in names}
    available = {name: draw(st.integers(0, 2000)) for name in names}
    epochs = {name: draw(st.sampled_from([0.0, 0.5, 1.0, 2.5, 4.0])) for name in names}
    return weights, available, epochs, draw(st.integers(0, 6000))


def capacity(weights: dict[str, float], available: dict[str, int], epochs: dict[str, float]) -> dict[str, int]:
    return {name: int(available[name] * epochs[name]) if weights[name] else 0 for name in weights}


def tokens(quotas: list[Quota]) -> dict[str, int]:
    return {quota.domain: quota.given_tokens for quota in quotas}


@given(problems())
def test_whole_tokens_add_up_and_stay_under_their_caps(problem) -> None:
    weights, available, epochs, budget = problem
    caps = capacity(weights, available, epochs)
    result = tokens(allocate(weights, available, epochs, budget))
    assert sum(result.values()) == min(budget, sum(caps.values()))
    assert all(0 <= result[name] <= caps[name] for name in caps)


@given(problems(), st.integers(0, 500))
def test_a_larger_budget_takes_nothing_from_anybody(problem, more) -> None:
    weights, available, epochs, budget = problem
    small = tokens(allocate(weights, available, epochs, budget))
    large = tokens(allocate(weights, available, epochs, budget + more))
    assert all(small[name] <= large[name] for name in small)


@given(problems())
def test_the_order_of_the_tables_and_the_scale_of_the_weights_do_not_matter(problem) -> None:
    weights, available, epochs, budget = problem
    turned = {name: 4 * weights[name] for name in reversed(list(weights))}
    assert allocate(weights, available, epochs, budget) == allocate(turned, available, epochs, budget)


def fairest(weights: dict[str, float], caps: dict[str, int], budget: int) -> dict[str, float]:
    """Max-min fairness by linear programmes: raise the least, fix who cannot rise, again."""
    names = [name for name in weights if weights[name] and caps[name]]
    fixed: dict[str, float] = {}
    while len(fixed) < len(names):
        free = [name for name in names if name not in fixed]
        rest = budget - sum(fixed.values())
        # variables: tokens of the free domains, then the level t; maximise t with tokens >= weight * t
        bounds = [(0, caps[name]) for name in free] + [(0, None)]
        rows = [[-float(i == j) for i in range(len(free))] + [weights[free[j]]] for j in range(len(free))]
        total = [[1.0] * len(free) + [0.0]]
        best = linprog([0.0] * len(free) + [-1.0], rows, [0.0] * len(free), total, [rest], bounds)
        level = best.x[-1]
        capped = [name for name in free if weights[name] * level >= caps[name] - 1e-6]
        fixed |= {name: float(caps[name]) for name in capped} or {name: weights[name] * level for name in free}
    return fixed


@settings(max_examples=40, deadline=None)
@given(problems())
def test_agrees_with_linear_programming(problem) -> None:
    weights, available, epochs, budget = problem
    caps = capacity(weights, available, epochs)
    budget = min(budget, sum(caps.values()))
    best = fairest(weights, caps, budget)
    result = tokens(allocate(weights, available, epochs, budget))
    assert all(abs(result[name] - best.get(name, 0)) <= len(weights) for name in weights)  # whole tokens


def test_equal_weights_are_unimax() -> None:
    """The paper's example in small: the poor domain is capped, its rest is shared out evenly."""
    result = allocate({"rich": 1, "middle": 1, "poor": 1}, {"rich": 1000, "middle": 300, "poor": 10}, {"poor": 4}, 600)
    assert tokens(result) == {"poor": 40, "middle": 280, "rich": 280}


def test_a_capped_domain_says_so_and_who_takes_its_share_too() -> None:
    quotas = {
        q.domain: q
        for q in allocate({"web": 95, "wikipedia": 5}, {"web": 10_000, "wikipedia": 10}, {"wikipedia": 4}, 1000)
    }
    assert quotas["wikipedia"].reason == "wikipedia capped at 4 epochs: 4.0 % instead of 5.0 %"
    assert quotas["web"].reason == "web takes what others left: 96.0 % instead of 95.0 %"
    assert quotas["wikipedia"].epochs == 4.0


def test_a_domain_without_documents_and_one_without_weight_are_explained() -> None:
    quotas = {q.domain: q for q in allocate({"web": 0.5, "books": 0.5}, {"web": 100, "code": 50}, {}, None)}
    assert quotas["books"].reason == "books has no documents: 0.0 % instead of 50.0 %"
    assert quotas["code"].reason == "not named in mix.weights"
    assert (quotas["code"].given_tokens, quotas["web"].given_tokens) == (0, 100)


def test_no_domains_at_all() -> None:
    assert allocate({}, {}, {}, 100) == []


def test_without_weights_every_domain_keeps_its_natural_share() -> None:
    quotas = plan_mix({"web": 900, "books": 100}, MixConfig(budget_tokens=500))
    assert tokens(quotas) == {"web": 450, "books": 50}
    assert [quota.reason for quota in quotas] == [None, None]


def test_without_a_budget_everything_once() -> None:
    assert tokens(plan_mix({"web": 900, "wikipedia": 100}, MixConfig())) == {"web": 900, "wikipedia": 100}


def test_switched_off_means_everything_once_whatever_is_asked() -> None:
    config = MixConfig(enabled=False, weights={"web": 1}, budget_tokens=3)
    assert tokens(plan_mix({"web": 900, "books": 100}, config)) == {"web": 900, "books": 100}


def test_whole_documents_change_the_shares_and_the_words() -> None:
    plan = allocate({"web": 0.5, "books": 0.5}, {"web": 1000, "books": 1000}, {}, 1000)
    written = {quota.domain: quota for quota in as_written(plan, {"web": 500, "books": 300})}
    assert written["books"].reason == "books rounded to whole documents: 37.5 % instead of 50.0 %"
    assert written["web"].given_frac == 0.625


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_is_no_amount_is_refused(weight) -> None:
    with pytest.raises(ValidationError, match="web"):
        MixConfig(weights={"web": weight})


@given(st.lists(st.integers(0, 6), max_size=60))
def test_equal_items_are_parted_wherever_they_can_be(items) -> None:
    values = np.array(items, dtype=np.int64)
    order = separate(values)
    assert sorted(order) == list(range(len(values)))
    placed = values[order]
    if len(values) and np.bincount(values).max() <= (len(values) + 1) // 2:
        assert not (placed[1:] == placed[:-1]).any()


def test_an_order_without_equal_neighbours_stays_as_it_is() -> None:
    assert separate(np.array([3, 1, 3, 1])).tolist() == [0, 1, 2, 3]
