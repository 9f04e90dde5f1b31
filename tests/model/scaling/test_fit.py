"""The fit: exact on exact data, the global optimum on any, honest about what it cannot know."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from model.scaling.analysis import analyse_groups, predict_larger
from model.scaling.fit import fit_scaling, fit_surface
from model.scaling.intervals import bootstrap_weights
from model.scaling.points import Points, make_points
from model.scaling.powerlaw import fit_power_laws
from model.scaling.surface import Surface
from model.scaling.table import read_points
from storage.errors import UserError

CHINCHILLA_REFIT = Surface(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)


def runs_of(surface: Surface, rows: int, noise: float = 0.0, seed: int = 0) -> Points:
    random = np.random.default_rng(seed)
    params, tokens = 10 ** random.uniform(6, 10, rows), 10 ** random.uniform(8, 12, rows)
    loss = surface.predict(params, tokens) * np.exp(noise * random.standard_t(3, rows))
    return make_points(params, tokens, loss)


def huber_on_log(surface: np.ndarray, points: Points) -> float:
    """The published objective, written down once more and independently."""
    e, a, b, alpha, beta = surface
    terms = [np.full(len(points), e), a - alpha * np.log(points.params), b - beta * np.log(points.tokens)]
    residual = np.abs(np.logaddexp.reduce(terms, axis=0) - np.log(points.loss))
    return float(np.where(residual <= 1e-3, residual**2 / 2, 1e-3 * (residual - 5e-4)).sum())


def objective_of(surface: Surface, points: Points) -> float:
    with np.errstate(divide="ignore"):
        logs = np.log([surface.E, surface.A, surface.B])
    return huber_on_log(np.array([*logs, surface.alpha, surface.beta]), points)


@settings(max_examples=15, deadline=None)
@example(irreducible=2.0, alpha=0.5390625, beta=0.09375, shares=(2.0, 0.25), seed=76)
@given(
    irreducible=st.floats(0.3, 2.5),
    alpha=st.floats(0.08, 0.8),
    beta=st.floats(0.08, 0.8),
    shares=st.tuples(st.floats(0.1, 2), st.floats(0.1, 2)),
    seed=st.integers(0, 99),
)
def test_exact_runs_give_their_surface_back(
    irreducible: float, alpha: float, beta: float, shares: tuple[float, float], seed: int
) -> None:
    surface = Surface(irreducible, shares[0] * (1e8) ** alpha, shares[1] * (1e10) ** beta, alpha, beta)
    found = fit_surface(runs_of(surface, rows=14, seed=seed))
    for name in ("E", "A", "B", "alpha", "beta"):
        assert getattr(found, name) == pytest.approx(getattr(surface, name), rel=1e-6)


@pytest.mark.parametrize("rows, noise, seed", [(8, 0.02, 1), (12, 0.003, 2), (40, 0.02, 3)])
def test_no_start_finds_a_lower_minimum(rows: int, noise: float, seed: int) -> None:
    points = runs_of(CHINCHILLA_REFIT, rows, noise, seed)
    ours = objective_of(fit_surface(points), points)
    random = np.random.default_rng(seed)
    for _ in range(12):
        terms = random.uniform(-2, 1, 3)
        alpha, beta = random.uniform(0.05, 1.5, 2)
        start = [terms[0], terms[1] + alpha * np.log(1e8), terms[2] + beta * np.log(1e10), alpha, beta]
        theirs = minimize(huber_on_log, start, args=(points,), method="Nelder-Mead", options={"maxiter": 1500})
        if 0.02 <= theirs.x[3] <= 3 and 0.02 <= theirs.x[4] <= 3:
            assert ours <= theirs.fun * (1 + 1e-9)


def test_a_large_table_takes_a_fraction_of_a_second() -> None:
    points = runs_of(CHINCHILLA_REFIT, 250, noise=0.004)
    started = time.process_time()
    found = fit_surface(points)
    assert time.process_time() - started < 1.0  # 0.04 s on an idle core; the limit is for a busy machine
    assert found.params_exponent == pytest.approx(CHINCHILLA_REFIT.params_exponent, abs=0.02)


def test_one_wild_run_does_not_move_the_fit() -> None:
    points = runs_of(CHINCHILLA_REFIT, 30, noise=0.0005)
    spoiled = make_points(points.params, points.tokens, np.r_[points.loss[:-1], 2 * points.loss[-1]])
    clean, found = fit_surface(points), fit_surface(spoiled)
    assert found.predict(1e9, 1e10) == pytest.approx(clean.predict(1e9, 1e10), rel=2e-3)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """90 % intervals over 8 draws of 20 runs; tests/bench/bench_scaling.py takes hundreds of draws."""
    held = {"bca": 0, "percentile": 0}
    for seed in range(8):
        fit = fit_scaling(runs_of(CHINCHILLA_REFIT, 20, noise=0.003, seed=seed), draws=30)
        for method in held:
            exponent = fit.interval(lambda surface: surface.params_exponent, method=method)
            held[method] += exponent.low <= CHINCHILLA_REFIT.params_exponent <= exponent.high
    assert min(held.values()) >= 5  # fewer than five of eight happens once in two hundred


@pytest.mark.parametrize("seed", [0, 1])
def test_a_tied_surface_comes_back_and_no_start_beats_it(seed: int) -> None:
    truth = Surface(E=1.7, A=300.0, B=600.0, alpha=0.29, beta=0.29)
    found = fit_surface(runs_of(truth, 16, seed=seed), tied=True)
    assert found.alpha == found.beta == pytest.approx(truth.alpha, rel=1e-6)
    noisy = runs_of(CHINCHILLA_REFIT, 16, noise=0.01, seed=seed)
    ours = objective_of(fit_surface(noisy, tied=True), noisy)
    for exponent in np.linspace(0.1, 1.2, 12):
        start = [0.5, exponent * np.log(1e8), exponent * np.log(1e10), exponent]

        def tied(theta: np.ndarray) -> float:
            return huber_on_log(np.array([*theta, theta[3]]), noisy)

        assert ours <= minimize(tied, start, method="Nelder-Mead", options={"maxiter": 1500}).fun * (1 + 1e-9)


def test_the_same_seed_gives_the_same_intervals() -> None:
    points = runs_of(CHINCHILLA_REFIT, 12, noise=0.003)
    assert fit_scaling(points, draws=5).draws == fit_scaling(points, draws=5).draws
    assert fit_scaling(points, draws=5).draws != fit_scaling(points, draws=5, seed=1).draws


def test_rows_of_one_run_are_drawn_together() -> None:
    points = runs_of(CHINCHILLA_REFIT, 12)
    paired = Points(points.params, points.tokens, points.loss, tuple("aabbccddeeff"), points.group)
    for weight in bootstrap_weights(paired.run, 10, seed=0):
        assert (weight[::2] == weight[1::2]).all()
        assert weight.sum() == 12


def test_the_best_allocation_is_the_best() -> None:
    budget = 1e21
    best = CHINCHILLA_REFIT.best_params(budget)
    assert 6 * best * CHINCHILLA_REFIT.best_tokens(budget) == pytest.approx(budget)
    for other in (0.8 * best, 1.25 * best):
        assert CHINCHILLA_REFIT.predict(other, budget / 6 / other) > CHINCHILLA_REFIT.best_loss(budget)


@pytest.mark.parametrize(
    "params, tokens, says",
    [
        ([1e6, 2e6, 4e6, 8e6], [1e8, 2e8, 4e8, 8e8], "4 distinct pairs"),
        ([1e6] * 6, [1e8, 2e8, 3e8, 4e8, 5e8, 6e8], "same number of parameters"),
        ([1e6, 2e6, 3e6, 4e6, 5e6, 6e6], [1e8] * 6, "same number of tokens"),
    ],
)
def test_runs_that_cannot_be_fitted_are_refused(params: list[float], tokens: list[float], says: str) -> None:
    with pytest.raises(UserError, match=says):
        fit_surface(make_points(params, tokens, [3.0 - 0.1 * i for i in range(len(params))]))


def test_what_the_runs_cannot_tell_is_said() -> None:
    params = np.array([1e6, 1e6, 2e6, 2e6, 3e6, 3e6])
    tokens = np.array([1e8, 2e8, 1e8, 2e8, 1e8, 2e8])
    loss = CHINCHILLA_REFIT.predict(params, tokens)
    said = " ".join(fit_scaling(make_points(params, tokens, loss), draws=0).warnings)
    assert "Only 6 distinct runs" in said
    assert "span a factor of 3.0" in said
    assert "Only 2 token counts" in said
    assert "lies above the largest size run" in said


def test_an_exponent_that_few_runs_hold_is_noticed() -> None:
    params, tokens = np.meshgrid([1e6, 3e6, 1e7, 3e7], [1e8, 4e8, 2e9])
    loss = CHINCHILLA_REFIT.predict(1e12, tokens.ravel()) + np.where(params.ravel() == 1e6, 0.3, 0.0)
    fit = fit_scaling(make_points(params.ravel(), tokens.ravel(), loss), draws=20)
    assert any("alpha" in warning and "end of its range" in warning for warning in fit.warnings)


def test_sizes_and_tokens_in_lockstep_are_noticed() -> None:
    params = np.geomspace(1e6, 1e9, 12)
    points = make_points(params, 20 * params, CHINCHILLA_REFIT.predict(params, 20 * params))
    assert any("grow together" in warning for warning in fit_scaling(points, draws=0).warnings)


def test_good_runs_are_not_doubted() -> None:
    points = runs_of(CHINCHILLA_REFIT, 60, noise=0.001)
    wide = points.where(points.tokens < 1e11)
    assert fit_scaling(wide, draws=0).warnings == ()


def test_power_laws_of_a_pure_power_law() -> None:
    params = np.geomspace(1e6, 1e9, 8)
    laws = fit_power_laws(make_points(params, np.full(8, 1e10), (8.8e13 / params) ** 0.076))
    assert laws["params"].exponent == pytest.approx(0.076)
    assert laws["params"].scale == pytest.approx(8.8e13, rel=1e-6)
    assert laws["flops"].exponent == pytest.approx(0.076)
    assert "tokens" not in laws  # one token count is no frontier


def test_real_models_below_a_billion_predict_the_largest(shared_data: Path) -> None:
    """The 6.9B model on C4 text, from runs of up to 412M parameters, all parameters counted.

    Within 1 % for RedPajama and RefinedWeb, with the form that hold-outs among the small runs choose; C4's own
    6.9B run is predicted 5 % too low by either form.
    """
    table = (shared_data / "scaling" / "mlfoundations-104.csv").read_text()
    groups = read_points(table, "runs", loss="loss_c4_val")["total"].groups()
    largest = {
        name: max(predict_larger(members, 1e9), key=lambda row: row["params"]) for name, members in groups.items()
    }
    errors = {name: abs(float(row["error"])) for name, row in largest.items()}
    assert {row["form"] for row in largest.values()} == {"tied"}
    assert errors["rpj"] < 0.005
    assert errors["rw_original"] < 0.01
    assert errors["c4_original"] > 0.04


def test_groups_are_fitted_apart_and_named_when_they_cannot_be() -> None:
    points = runs_of(CHINCHILLA_REFIT, 20)
    named = Points(points.params, points.tokens, points.loss, points.run, ("a",) * 17 + ("b",) * 3)
    with pytest.raises(UserError, match=r"group b: .*3 distinct"):
        analyse_groups(named, draws=0)
    halves = Points(points.params, points.tokens, points.loss, points.run, ("a",) * 10 + ("b",) * 10)
    assert list(analyse_groups(halves, draws=0)) == ["a", "b"]
