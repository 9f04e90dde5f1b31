"""Runs that differ along one axis only: the floor and the power law are found, and what cannot be is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from model.scaling.one_axis import fit_one_axis, one_axis_to_record, single_axis
from model.scaling.points import Points, make_points
from model.scaling.record import fit_groups
from storage.errors import UserError

TOKENS = np.geomspace(1e8, 1e11, 9)


def runs(loss: np.ndarray, tokens: np.ndarray = TOKENS) -> Points:
    return make_points(np.full(len(tokens), 1e8), tokens, loss)


@settings(deadline=None, max_examples=6)
@given(st.floats(0.0, 3.0), st.floats(0.1, 1.0), st.floats(0.3, 3.0))
def test_noise_free_points_give_their_curve(floor: float, exponent: float, first: float) -> None:
    loss = floor + first * (TOKENS / TOKENS[0]) ** -exponent
    found = fit_one_axis(runs(loss), "tokens", draws=0)
    np.testing.assert_allclose(found.predict(TOKENS), loss, rtol=1e-6)
    assert found.estimates["exponent"].value == pytest.approx(exponent, rel=1e-3)


def test_noisy_points_lie_within_their_interval_and_near_least_squares() -> None:
    random = np.random.default_rng(1)
    loss = (1.7 + 400 * TOKENS**-0.3) * np.exp(0.002 * random.standard_normal(len(TOKENS)))
    found = fit_one_axis(runs(loss), "tokens", draws=40)
    exponent = found.estimates["exponent"]
    assert exponent.low < 0.3 < exponent.high and exponent.low < exponent.value < exponent.high
    (_, _, squares), _ = curve_fit(
        lambda x, e, b, c: np.log(e + b * x**-c), TOKENS / 1e8, np.log(loss), (1.0, 1.0, 0.3)
    )
    assert exponent.value == pytest.approx(squares, abs=0.05)


def test_the_axis_is_told_from_the_runs() -> None:
    assert single_axis(runs(np.linspace(4, 3, 9))) == "tokens"
    assert single_axis(make_points(TOKENS, np.full(9, 1e9), np.linspace(4, 3, 9))) == "params"
    assert single_axis(make_points(TOKENS, TOKENS, np.linspace(4, 3, 9))) is None
    assert single_axis(make_points([1e8], [1e9], [3.0])) is None


def test_records_say_which_law_it_is_and_what_is_doubtful() -> None:
    records = fit_groups(runs(2 + TOKENS**-0.2 * 50), draws=20)
    assert records[""]["form"] == "L(D) = E + B / D^beta" and set(records[""]["constants"]) == {"E", "B", "beta"}
    near = fit_one_axis(runs(np.array([3.0, 2.9, 2.8, 2.7]), np.array([1e9, 2e9, 3e9, 4e9])), "tokens", draws=0)
    assert any("factor of 4.0" in doubt for doubt in near.warnings)
    sizes = make_points(TOKENS, np.full(9, 1e9), 2 + TOKENS**-0.2 * 50)
    assert one_axis_to_record(fit_one_axis(sizes, "params", draws=0))["form"] == "L(N) = E + A / N^alpha"


def test_too_few_places_are_refused() -> None:
    with pytest.raises(UserError, match="3 values"):
        fit_one_axis(runs(np.array([3.0, 2.9, 2.8]), TOKENS[:3]), "tokens")
