"""Plans: the allocation the closed form gives, its interval, and how far it reaches."""

from __future__ import annotations

import numpy as np
import pytest

from model.scaling.fit import Fit, fit_scaling
from model.scaling.plan import plan
from model.scaling.points import make_points
from model.scaling.published import CHINCHILLA, MODELS
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
