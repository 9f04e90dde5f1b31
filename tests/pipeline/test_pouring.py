"""Sharing a budget out: exact, under its caps, over its floors, monotone, and optimal by linear programming."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from pipeline.pouring import Vessel, pour

WEIGHTS = [Fraction(text) for text in ("0", "0.02", "0.1", "0.15", "0.5", "1", "3")]
FLOORS = [Fraction(text) for text in ("0", "0", "0.01", "0.05", "0.12", "1/6")]


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[Vessel], int]:
    count = draw(st.integers(1, 6))  # six floors of a sixth are the whole
    vessels = [
        Vessel(draw(st.sampled_from(WEIGHTS)), draw(st.integers(0, 2000)), draw(st.sampled_from(FLOORS)))
        for _ in range(count)
    ]
    return vessels, draw(st.integers(0, 6000))


def room(vessels: list[Vessel]) -> int:
    return sum(vessel.cap for vessel in vessels if vessel.weight)


@given(problems())
def test_whole_tokens_add_up_between_floors_and_caps(problem) -> None:
    vessels, budget = problem
    given_tokens = pour(vessels, budget)
    total = min(budget, room(vessels))
    assert sum(given_tokens) == total
    for vessel, tokens in zip(vessels, given_tokens, strict=True):
        cap = vessel.cap if vessel.weight else 0
        assert min(cap, int(vessel.floor * total)) <= tokens <= cap


@given(problems(), st.integers(1, 500))
def test_a_larger_budget_takes_nothing_from_anybody(problem, more) -> None:
    vessels, budget = problem
    small, large = pour(vessels, budget), pour(vessels, budget + more)
    assert all(before <= after for before, after in zip(small, large, strict=True))


@settings(max_examples=40, deadline=None)
@given(problems(), st.integers(2, 12))
def test_token_by_token_nobody_loses_one(problem, steps) -> None:
    """Rounding is where a token could be taken back: every budget of a stretch."""
    vessels, budget = problem
    rows = np.array([pour(vessels, budget + step) for step in range(steps)])
    assert (np.diff(rows, axis=0) >= 0).all()


@given(problems())
def test_the_scale_of_the_weights_does_not_matter(problem) -> None:
    vessels, budget = problem
    heavier = [Vessel(7 * v.weight, v.cap, v.floor) for v in vessels]
    assert pour(vessels, budget) == pour(heavier, budget)


def fairest(vessels: list[Vessel], budget: int) -> list[float]:
    """Max-min fairness between floors and caps by linear programmes: raise the least, fix who cannot rise, again."""
    caps = [v.cap if v.weight else 0 for v in vessels]
    budget = min(budget, sum(caps))
    floors = [min(float(v.floor * budget), cap) for v, cap in zip(vessels, caps, strict=True)]
    held = {i: 0.0 for i, cap in enumerate(caps) if not cap}
    while len(held) < len(vessels):
        free = [i for i in range(len(vessels)) if i not in held]
        # variables: tokens of the free ones, then the level t; maximise t with tokens >= weight * t, floors kept.
        # Who is above weight * t for its floor alone stays there: only those the level lifts are to rise with it.
        bounds = [(floors[i], caps[i]) for i in free] + [(0, None)]
        rows = [[-float(a == b) for b in range(len(free))] + [float(vessels[i].weight)] for a, i in enumerate(free)]
        total = [[1.0] * len(free) + [0.0]]
        rest = budget - sum(held.values())
        best = linprog([0.0] * len(free) + [-1.0], rows, [0.0] * len(free), total, [rest], bounds)
        level = best.x[-1]
        floored = [i for i in free if floors[i] > float(vessels[i].weight) * level + 1e-9]
        capped = [i for i in free if float(vessels[i].weight) * level >= caps[i] - 1e-6]
        if capped:
            held |= {i: float(caps[i]) for i in capped}
        elif floored:
            # the programme put the surplus of floors anywhere: at this level they hold their floors, no more
            held |= {i: floors[i] for i in floored}
        else:
            held |= {i: float(vessels[i].weight) * level for i in free}
    return [held[i] for i in range(len(vessels))]


@settings(max_examples=60, deadline=None)
@given(problems())
def test_agrees_with_max_min_fairness_by_linear_programming(problem) -> None:
    vessels, budget = problem
    best = fairest(vessels, budget)
    assert all(abs(a - b) <= len(vessels) for a, b in zip(pour(vessels, budget), best, strict=True))  # whole tokens


@settings(max_examples=60, deadline=None)
@given(problems())
def test_nothing_feasible_is_nearer_to_what_was_asked(problem) -> None:
    """The sum of differences from the shares asked for is the least there is, by one linear programme."""
    vessels, budget = problem
    vessels = [Vessel(v.weight, v.cap) for v in vessels]
    budget = min(budget, room(vessels))
    total = float(sum(v.weight for v in vessels))
    if not budget or not total:
        return
    asked = np.array([float(v.weight) / total * budget for v in vessels])
    count = len(vessels)
    # variables: tokens, then the difference of each; difference >= |tokens - asked|
    eye = np.eye(count)
    upper = np.block([[eye, -eye], [-eye, -eye]])
    bounds = [(0, v.cap if v.weight else 0) for v in vessels] + [(0, None)] * count
    objective = np.concatenate([np.zeros(count), np.ones(count)])
    sums = np.concatenate([np.ones(count), np.zeros(count)])[None]
    best = linprog(objective, upper, np.concatenate([asked, -asked]), sums, [budget], bounds)
    assert abs(np.abs(np.array(pour(vessels, budget)) - asked).sum() - best.fun) <= 2 * count


def test_equal_weights_are_unimax() -> None:
    """The paper's example in small: the poor domain is capped, its rest is shared out evenly."""
    one = Fraction(1)
    assert pour([Vessel(one, 1000), Vessel(one, 300), Vessel(one, 40)], 600) == [280, 280, 40]


def test_a_floor_lifts_and_the_others_give_way_in_proportion() -> None:
    floored = Vessel(Fraction(1), 1000, Fraction(1, 10))
    assert pour([floored, Vessel(Fraction(66), 5000), Vessel(Fraction(33), 5000)], 1000) == [100, 600, 300]


def test_floors_over_the_whole_are_refused() -> None:
    with pytest.raises(ValueError, match="more than the whole"):
        pour([Vessel(Fraction(1), 10, Fraction(2, 3))] * 2, 5)


def test_nothing_to_pour_into() -> None:
    assert pour([], 100) == []
    assert pour([Vessel(Fraction(0), 100), Vessel(Fraction(1), 0)], 100) == [0, 0]
