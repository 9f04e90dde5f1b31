"""Approaches 1 and 2, back-tests, repeats, and the choice between forms, on surfaces that are known."""

from __future__ import annotations

import numpy as np
import pytest

from model.scaling.analysis import analyse, predict_larger
from model.scaling.envelope import fit_envelope
from model.scaling.holdout import BackTest, back_tests, prefers_tied
from model.scaling.intervals import bca, percentile
from model.scaling.isoflop import find_budgets, fit_isoflop, seed_noise
from model.scaling.plan import serving_plan
from model.scaling.points import Points, make_points
from model.scaling.powerlaw import JointLaw, fit_joint_law
from model.scaling.published import CHINCHILLA_REFIT as TRUTH
from model.scaling.record import analysis_to_record, chosen_fit
from model.scaling.repetition import effective_tokens, fit_token_decay, overtraining, predict_repeated
from model.scaling.surface import Surface
from storage.errors import UserError


def valleys(spread: float = 6.0, shift: float = 1.0, noise: float = 0.0, surface: Surface = TRUTH) -> Points:
    """Five budgets of nine sizes each, from optimum * shift / spread to optimum * shift * spread."""
    budgets = np.geomspace(1e18, 1e21, 5)
    sizes = np.array([surface.best_params(c) * shift * k for c in budgets for k in np.geomspace(1 / spread, spread, 9)])
    tokens = np.repeat(budgets, 9) / 6 / sizes
    error = noise * np.random.default_rng(0).standard_normal(len(sizes))
    return make_points(sizes, tokens, surface.predict(sizes, tokens) * np.exp(error))


def grid(noise: float = 0.0, surface: Surface = TRUTH) -> Points:
    sizes, tokens = (axis.ravel() for axis in np.meshgrid(np.geomspace(1e7, 1e10, 9), np.geomspace(2e8, 1e12, 9)))
    error = noise * np.random.default_rng(1).standard_normal(len(sizes))
    return make_points(sizes, tokens, surface.predict(sizes, tokens) * np.exp(error))


def test_the_envelope_of_a_grid_has_the_law_s_exponent() -> None:
    found = fit_envelope(grid())
    assert found is not None and found.sizes > 4
    assert found.exponent == pytest.approx(TRUTH.params_exponent, abs=0.02)
    assert found.best_params(1e20) == pytest.approx(TRUTH.best_params(1e20), rel=0.15)


def test_no_envelope_of_sizes_run_once() -> None:
    assert fit_envelope(valleys()) is None


@pytest.mark.parametrize("method", ["parabola", "interpolation"])
def test_valleys_have_the_law_s_exponent(method: str) -> None:
    found = fit_isoflop(valleys(spread=3), method, truth=TRUTH)  # type: ignore[arg-type]
    assert found is not None and len(found.valleys) == 5 and all(valley.inside for valley in found.valleys)
    assert found.exponent.value == pytest.approx(TRUTH.params_exponent, abs=0.01)
    assert found.best_params(1e20) == pytest.approx(TRUTH.best_params(1e20), rel=0.05)


def test_the_bias_of_off_centre_grids_is_measured_and_interpolation_has_less() -> None:
    off = {m: fit_isoflop(valleys(shift=3.0), m, truth=TRUTH) for m in ("parabola", "interpolation")}  # type: ignore[arg-type]
    parabola, interpolation = off["parabola"], off["interpolation"]
    assert parabola is not None and interpolation is not None
    true = TRUTH.best_params(max(v.flops for v in parabola.valleys))
    assert parabola.params_bias == pytest.approx(parabola.valleys[-1].params / true, rel=0.02)
    assert abs(parabola.params_bias - 1) > 0.03
    assert abs(interpolation.params_bias - 1) < 0.01


def test_a_minimum_at_the_edge_is_left_out() -> None:
    assert fit_isoflop(valleys(spread=3, shift=10.0)) is None


def test_seed_noise_widens_the_valleys_interval() -> None:
    found = [fit_isoflop(valleys(spread=3), noise=noise, draws=40) for noise in (0.001, 0.004)]
    widths = [item.exponent.high - item.exponent.low for item in found if item]
    assert 0 < widths[0] < widths[1]


def test_noise_is_what_seeds_differ_by() -> None:
    params, tokens = np.repeat([1e8, 2e8, 4e8], 40), np.full(120, 1e10)
    loss = TRUTH.predict(params, tokens) * np.exp(0.01 * np.random.default_rng(0).standard_normal(120))
    assert seed_noise(make_points(params, tokens, loss)) == pytest.approx(0.01, rel=0.15)
    assert np.isnan(seed_noise(grid()))


def test_budgets_are_found_and_a_grid_is_none() -> None:
    points = valleys()
    assert [len(rows) for rows in find_budgets(points.flops, points.params)] == [9] * 5
    chain = make_points(np.geomspace(1e6, 1e9, 60), np.full(60, 1e9), np.linspace(4, 3, 60))
    assert find_budgets(chain.flops * 1.0, chain.params) == []


def test_kaplan_s_joint_law_comes_back() -> None:
    truth = JointLaw(0.076, 0.103, float(np.log(6.4e13)), float(np.log(1.8e13)), 0.0)
    points = grid()
    found = fit_joint_law(make_points(points.params, points.tokens, truth.predict(points.params, points.tokens)))
    assert found is not None
    assert [found.alpha_n, found.alpha_d] == pytest.approx([0.076, 0.103], rel=1e-6)
    assert [found.log_n_c, found.log_d_c] == pytest.approx([truth.log_n_c, truth.log_d_c], rel=1e-6)


def test_repeats_are_worth_less_and_less() -> None:
    worth = effective_tokens(np.array([1e9, 4e9, 40e9, 4e12]), 1e9)
    assert worth[0] == 1e9
    assert 3.7e9 < worth[1] < 4e9  # four epochs are nearly as good as fresh text
    assert worth[2] < 0.45 * 40e9
    assert worth[3] == pytest.approx(16.39e9)  # (1 + R*) U, and never more


def test_the_worth_of_repeats_is_fitted_from_runs_that_repeat() -> None:
    points = grid()
    unique = np.minimum(points.tokens, 1e10)
    loss = TRUTH.predict(points.params, effective_tokens(points.tokens, unique, 6.0))
    repeated = make_points(points.params, points.tokens, loss, unique=unique)
    assert fit_token_decay(repeated, unique) == pytest.approx(6.0, rel=1e-2)
    assert fit_token_decay(points, points.tokens) == 15.39  # nothing repeats: the paper's


def test_repeating_costs_loss_and_fresh_text_does_not() -> None:
    assert predict_repeated(TRUTH, 1e9, 1e10, 2e10) == TRUTH.predict(1e9, 1e10)
    assert TRUTH.predict(1e9, 1e10) < predict_repeated(TRUTH, 1e9, 1e10, 1e9) < predict_repeated(TRUTH, 1e9, 1e10, 1e8)


def test_the_frontier_is_not_overtrained() -> None:
    assert overtraining(TRUTH, TRUTH.best_params(1e20), TRUTH.best_tokens(1e20)) == pytest.approx(1)
    assert overtraining(TRUTH, 8.03e9, 15e12) > 5  # Llama 3 8B


def test_back_tests_predict_what_they_have_not_seen() -> None:
    tests = back_tests(grid(noise=0.002), tied=False)
    assert 3 <= len(tests) <= 6
    assert all(test.trained + test.held == 81 and test.error < 0.05 for test in tests)
    assert [test.cut for test in tests] == sorted(test.cut for test in tests)
    assert back_tests(grid().where(np.arange(81) < 6), tied=False) == []


def test_one_exponent_unless_two_predict_better() -> None:
    unequal = Surface(E=1.7, A=20.0, B=1e4, alpha=0.18, beta=0.45)
    assert analyse(grid(0.001, unequal), draws=0).uses_tied is False
    assert analyse(grid(0.01), draws=0).uses_tied is True  # alpha 0.348 and beta 0.366 look the same here

    def tests(*errors: float) -> list[BackTest]:
        return [BackTest(float(cut), 9, 3, 2.0, error, 0.0) for cut, error in enumerate(errors)]

    assert prefers_tied(tests(0.02, 0.03), tests(0.01, 0.02))
    assert prefers_tied(tests(0.02, 0.03, 0.02), tests(0.01, 0.05, 0.02))  # told apart by nothing
    assert not prefers_tied(tests(0.02, 0.03, 0.02), tests(0.03, 0.04, 0.031))
    assert not prefers_tied([], [])


def test_an_exponent_that_was_assumed_is_not_certain() -> None:
    """Tied, every sample has a = 0.5; the truth is not, and the hold-out cannot tell: intervals hold both forms."""
    truth = Surface(E=1.34, A=162.0, B=120.0, alpha=0.51, beta=0.36)
    runs = valleys(noise=0.015, surface=truth)
    found = analyse(runs.where(np.arange(len(runs)) % 2 == 0), draws=6)
    assert found.uses_tied and "Intervals hold both forms'" in found.reason
    for chosen in (found.chosen, chosen_fit(analysis_to_record(found))):
        share = chosen.interval(lambda surface: surface.params_exponent)
        assert share.value == 0.5 and share.low < truth.params_exponent < share.high
        for quantity in (lambda s: s.alpha, lambda s: float(s.best_loss(1e22)), lambda s: float(s.best_ratio(1e22))):
            both, free, tied = (fit.interval(quantity) for fit in (chosen, found.free, found.tied))
            assert both.value == tied.value
            assert (both.low, both.high) == (min(free.low, tied.low), max(free.high, tied.high))
    served, alone = (serving_plan(fit, 1e21, 1e12).params for fit in (found.chosen, found.tied))
    assert served.value == alone.value and served.low <= alone.low and served.high >= alone.high


def test_an_analysis_survives_its_record() -> None:
    runs = valleys(noise=0.002)
    found = analyse(runs.where(np.arange(len(runs)) % 2 == 0), draws=3)
    record = analysis_to_record(found)
    assert chosen_fit(record).surface == found.chosen.surface
    assert record["by_compute"]["6ND"]["parabola"]["exponent"]["value"] == pytest.approx(0.51, abs=0.03)
    assert record["noise"] is None  # no rung was repeated


def test_larger_runs_are_predicted_from_smaller_ones() -> None:
    rows = predict_larger(grid(), 1e9)
    assert {row["params"] for row in rows} == {size for size in grid().params if size >= 1e9}
    assert all(abs(float(row["free"])) < 1e-6 for row in rows)
    with pytest.raises(UserError, match="no run lies at or above"):
        predict_larger(grid(), 1e12)


@pytest.mark.parametrize(
    "change, says",
    [
        ({"params": 1e-6}, "sizes are in millions"),
        ({"flops_given": 1e9}, "times 6 N D"),
        ({"loss": 10.0}, "perplexity"),
        ({}, ""),
    ],
)
def test_a_table_in_other_units_is_doubted(change: dict[str, float], says: str) -> None:
    points = grid()
    columns = {"params": points.params, "tokens": points.tokens, "loss": points.loss, "flops_given": points.flops}
    changed = {name: values * change.get(name, 1.0) for name, values in columns.items()}
    warnings = " ".join(analyse(make_points(**changed), draws=0).warnings)
    assert (says in warnings) if says else ("times 6 N D" not in warnings and "millions" not in warnings)


def test_copies_are_noticed() -> None:
    points = grid()
    twice = make_points(*(np.r_[v, v[:3]] for v in (points.params, points.tokens, points.loss)))
    assert any("3 rows are exact copies" in warning for warning in analyse(twice, draws=0).warnings)


def test_bca_moves_percentiles_by_bias_and_keeps_them_without() -> None:
    draws = np.random.default_rng(0).standard_normal(4001)
    assert bca(0.0, draws, [], 0.9) == pytest.approx(percentile(draws, 0.9), abs=0.1)
    low, high = bca(0.5, draws, [], 0.9)  # the draws lie below the value: their percentiles are too low
    assert low > percentile(draws, 0.9)[0] + 0.3 and high > percentile(draws, 0.9)[1] + 0.3
