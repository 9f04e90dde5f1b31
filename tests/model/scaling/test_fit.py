"""The fit: exact on exact data, the global optimum on any, honest about what it cannot know."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from model.scaling.fit import bootstrap_weights, fit_groups, fit_scaling, fit_surface, predict_held_out
from model.scaling.points import Points, make_points, read_points
from model.scaling.powerlaw import fit_power_laws
from model.scaling.surface import Surface
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
    held = 0
    for seed in range(10):
        fit = fit_scaling(runs_of(CHINCHILLA_REFIT, 30, noise=0.003, seed=seed), draws=30)
        exponent = fit.interval(lambda surface: surface.params_exponent)
        assert exponent.low <= exponent.value <= exponent.high
        held += exponent.low <= CHINCHILLA_REFIT.params_exponent <= exponent.high
    assert held >= 7  # 90 % intervals: fewer than seven of ten happens once in eighty


def test_the_same_seed_gives_the_same_intervals() -> None:
    points = runs_of(CHINCHILLA_REFIT, 12, noise=0.003)
    assert fit_scaling(points, draws=5).draws == fit_scaling(points, draws=5).draws
    assert fit_scaling(points, draws=5).draws != fit_scaling(points, draws=5, seed=1).draws


def test_rows_of_one_run_are_drawn_together() -> None:
    points = runs_of(CHINCHILLA_REFIT, 12)
    paired = Points(points.params, points.tokens, points.loss, tuple("aabbccddeeff"), points.group)
    for weight in bootstrap_weights(paired, 10, seed=0):
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
    """The 6.9B model, from runs of up to 412M parameters, N without embeddings.

    Within 1 % for two of three training sets on German-English text and for RefinedWeb on RedPajama text; on
    English web text the best is 1.05 % (RefinedWeb), and C4's own run is predicted 4.7 % too low.
    """
    table = (shared_data / "scaling" / "mlfoundations-104.csv").read_text()
    groups = read_points(table, "runs", loss="loss_de-en")["non_embedding"].groups()
    errors = {}
    for name, points in groups.items():
        chosen = points.where((points.params < 1e9) | (points.params > 5e9))
        largest = chosen.params > 5e9
        errors[name] = float(predict_held_out(chosen, largest)[0] / chosen.loss[largest][0] - 1)
    assert abs(errors["c4_original"]) < 0.01
    assert abs(errors["rw_original"]) < 0.01


def test_groups_are_fitted_apart_and_named_when_they_cannot_be() -> None:
    points = runs_of(CHINCHILLA_REFIT, 20)
    named = Points(points.params, points.tokens, points.loss, points.run, ("a",) * 17 + ("b",) * 3)
    with pytest.raises(UserError, match=r"group b: .*3 distinct"):
        fit_groups(named, draws=0)
    halves = Points(points.params, points.tokens, points.loss, points.run, ("a",) * 10 + ("b",) * 10)
    assert list(fit_groups(halves, draws=0)) == ["a", "b"]
