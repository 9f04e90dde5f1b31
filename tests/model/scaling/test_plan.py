"""Plans: the allocation the closed form gives, its interval, and how far it reaches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.scaling.fit import Fit, fit_scaling
from model.scaling.hardware import budget_flops, find_accelerator, gpu_hours
from model.scaling.plan import corpus_plan, cost_of, plan, plan_for_loss, serving_plan
from model.scaling.points import make_points
from model.scaling.published import CHINCHILLA, MODELS, model_distances
from model.scaling.serving import flops_for_loss, lifetime_flops, serve_optimum
from storage.errors import UserError


@pytest.fixture(scope="module")
def fit() -> Fit:
    random = np.random.default_rng(0)
    params, tokens = 10 ** random.uniform(7, 10, 40), 10 ** random.uniform(9, 12, 40)
    return fit_scaling(make_points(params, tokens, CHINCHILLA.predict(params, tokens)), draws=5)


def test_a_plan_spends_the_budget(fit: Fit) -> None:
    found = plan(fit, 1e21)
    assert 6 * found.params.value * found.tokens.value == pytest.approx(1e21)
    assert found.loss.value == pytest.approx(CHINCHILLA.best_loss(1e21), rel=1e-6)
    assert found.scatter == fit.log_rms
    assert found.tokens_per_param.low <= found.tokens_per_param.value * (1 + 1e-6)


def test_far_beyond_the_runs_is_a_warning(fit: Fit) -> None:
    assert plan(fit, 5 * fit.max_flops).warnings == fit.warnings
    far = plan(fit, 1e3 * fit.max_flops)
    assert far.extrapolation == pytest.approx(1e3)
    assert "1,000 times" in far.warnings[-1]


@pytest.mark.parametrize("flops", [0.0, -1.0, float("nan"), float("inf")])
def test_no_budget_is_no_plan(fit: Fit, flops: float) -> None:
    with pytest.raises(UserError, match="makes no plan"):
        plan(fit, flops)


def test_a_fit_in_which_size_does_not_matter_gives_no_plan() -> None:
    params, tokens = np.array([1e6, 1e6, 1e7, 1e7, 1e8, 1e8]), np.geomspace(1e8, 1e10, 6)
    flat = fit_scaling(make_points(params, tokens, 2 + 300 * tokens**-0.3), draws=0)
    if flat.surface.A == 0:
        with pytest.raises(UserError, match="size does not change the loss"):
            plan(flat, 1e20)


def test_gpt3_was_trained_on_a_tenth_of_its_best_tokens() -> None:
    gpt3 = next(model for model in MODELS if model.name.startswith("GPT-3"))
    assert 5 < CHINCHILLA.best_tokens(gpt3.flops) / gpt3.tokens < 20


def test_a_loss_takes_the_compute_that_buys_it(fit: Fit) -> None:
    target = float(CHINCHILLA.best_loss(1e21))
    found = plan_for_loss(fit, target)
    assert found.compute is not None and found.compute.value == pytest.approx(1e21, rel=1e-4)
    assert found.params.value == pytest.approx(CHINCHILLA.best_params(1e21), rel=1e-4)
    with pytest.raises(UserError, match=r"irreducible loss is 1\.69"):
        plan_for_loss(fit, 1.5)


def test_hours_are_flop_and_flop_are_hours() -> None:
    h200 = find_accelerator("H200")
    flops = budget_flops(h200, 100, 0.45)
    assert flops == pytest.approx(100 * 3600 * 989e12 * 0.45)
    assert gpu_hours(h200, flops, 0.45) == pytest.approx(100)
    for hours, mfu in ((0, 0.4), (float("nan"), 0.4), (1, 0.0), (1, 1.5)):
        with pytest.raises(UserError):
            budget_flops(h200, hours, mfu)
    with pytest.raises(UserError, match="no GPU 'abacus'"):
        find_accelerator("abacus")


def test_a_plan_s_cost_and_memory(fit: Fit) -> None:
    cost = cost_of(plan(fit, 1e21), find_accelerator("h100"), 0.4)
    assert cost.hours == pytest.approx(1e21 / (3600 * 989e12 * 0.4))
    assert cost.train_bytes == pytest.approx(16 * CHINCHILLA.best_params(1e21), rel=1e-3)
    large = cost_of(plan(fit, 1e25), find_accelerator("h100"), 0.4)
    assert large.train_devices > large.serve_devices >= 1


@given(served=st.floats(1e9, 1e14), excess=st.floats(0.05, 2.0))
@settings(max_examples=20, deadline=None)
def test_serving_wants_smaller_models_trained_longer(served: float, excess: float) -> None:
    loss = CHINCHILLA.E + excess
    flops = flops_for_loss(CHINCHILLA, loss)
    assert CHINCHILLA.best_loss(flops) == pytest.approx(loss)
    found = serve_optimum(CHINCHILLA, loss, served)
    assert CHINCHILLA.predict(found.params, found.tokens) == pytest.approx(loss)
    assert found.params <= CHINCHILLA.best_params(flops) * 1.01 and found.saved >= -1e-6
    for factor in (0.8, 1.25):  # no neighbour of the same loss is cheaper
        left = loss - CHINCHILLA.E - CHINCHILLA.A * (found.params * factor) ** -CHINCHILLA.alpha
        if left > 0:
            tokens = (CHINCHILLA.B / left) ** (1 / CHINCHILLA.beta)
            assert lifetime_flops(found.params * factor, tokens, served) >= found.flops * (1 - 1e-6)


def test_nothing_served_is_the_compute_optimum() -> None:
    found = serve_optimum(CHINCHILLA, 2.2, 0.0)
    assert found.params == pytest.approx(CHINCHILLA.best_params(flops_for_loss(CHINCHILLA, 2.2)), rel=5e-3)


def test_a_corpus_that_is_too_small_costs_loss_and_moves_the_optimum(fit: Fit) -> None:
    found = plan(fit, 1e21)
    enough = corpus_plan(fit, found, 1e13)
    assert enough.epochs.value < 1 and enough.loss_cost.value == pytest.approx(0)
    assert enough.best_params.value == pytest.approx(found.params.value, rel=0.02)
    little = corpus_plan(fit, found, found.tokens.value / 20)
    assert little.epochs.value == pytest.approx(20)
    assert little.loss_cost.value > 0 and little.best_loss.value <= little.loss.value
    serving = serving_plan(fit, 1e21, 1e12)
    assert serving.params.low <= serving.params.value < found.params.value


def test_models_of_today_are_trained_beyond_the_optimum_and_gpt3_was_not() -> None:
    distances = {row["name"]: row["refit"] for row in model_distances()}
    assert 1 / 20 < distances["GPT-3 175B"] < 1 / 5  # tokens a parameter: about a tenth of what was best
    assert distances["Chinchilla 70B"] == pytest.approx(1, abs=0.15)
    assert distances["Llama 3 8B"] > 50
