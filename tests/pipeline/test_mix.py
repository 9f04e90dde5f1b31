"""Mixtures as recipes ask for them: domains, bins of quality, and every difference explained."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.mix import Quota, as_written, plan_mix, shortfall
from pipeline.mix_config import UNSCORED, MixConfig


def planned(available: dict[str, int], **settings: object) -> dict[str, Quota]:
    stock = {name: {0: tokens} for name, tokens in available.items()}
    return {quota.domain: quota for quota in plan_mix(stock, MixConfig(**settings))}


def tokens(quotas: dict[str, Quota]) -> dict[str, int]:
    return {name: quota.given_tokens for name, quota in quotas.items()}


def test_a_capped_domain_says_so_and_who_takes_its_share_too() -> None:
    available = {"web": 10_000, "wikipedia": 10}
    quotas = planned(available, weights={"web": 95, "wikipedia": 5}, budget_tokens=1000)
    assert quotas["wikipedia"].reason == "wikipedia capped at 4 epochs: 4 % instead of 5 %"
    assert quotas["web"].reason == "web takes 1 point that others left: 96 % instead of 95 %"
    assert quotas["wikipedia"].epochs == 4.0


def test_the_sentence_of_the_specification() -> None:
    available = {"web": 10_000_000, "wikipedia": 7_750}
    quotas = planned(available, weights={"web": 95, "wikipedia": 5}, budget_tokens=1_000_000)
    assert quotas["wikipedia"].reason == "wikipedia capped at 4 epochs: 3.1 % instead of 5 %"


def test_a_domain_without_documents_and_one_without_weight_are_explained() -> None:
    quotas = planned({"web": 100, "code": 50}, weights={"web": 0.5, "books": 0.5})
    assert quotas["books"].reason == "books has no documents to train on: 0 % instead of 50 %"
    assert quotas["code"].reason == "not named in mix.weights"
    assert (quotas["code"].given_tokens, quotas["web"].given_tokens) == (0, 100)


def test_no_domains_at_all() -> None:
    assert planned({}, budget_tokens=100) == {}


def test_without_weights_every_domain_keeps_its_natural_share() -> None:
    quotas = planned({"web": 900, "books": 100}, budget_tokens=500)
    assert tokens(quotas) == {"web": 450, "books": 50}
    assert [quota.reason for quota in quotas.values()] == [None, None]


def test_without_a_budget_everything_once() -> None:
    assert tokens(planned({"web": 900, "wikipedia": 100})) == {"web": 900, "wikipedia": 100}


def test_switched_off_means_everything_once_whatever_is_asked() -> None:
    asked = {"weights": {"web": 1}, "budget_tokens": 3, "floors": {"web": 0.5}, "quality_epochs": {"web": (0, 1)}}
    assert tokens(planned({"web": 900, "books": 100}, enabled=False, **asked)) == {"web": 900, "books": 100}


def test_temperature_flattens_natural_shares() -> None:
    available, wide = {"web": 10_000, "books": 100}, {"default_max_epochs": 1000, "budget_tokens": 1100}
    assert tokens(planned(available, temperature=1, **wide)) == {"web": 1090, "books": 10}
    assert tokens(planned(available, temperature=2, **wide)) == {"web": 1000, "books": 100}
    assert tokens(planned(available, temperature=1e9, **wide)) == {"web": 550, "books": 550}


def test_a_floor_lifts_a_domain_and_says_so() -> None:
    quotas = planned({"web": 99_000, "math": 1_000}, floors={"math": 0.05}, budget_tokens=10_000)
    assert tokens(quotas) == {"web": 9_500, "math": 500}
    assert quotas["math"].reason == "math lifted to its floor of 5 %: 5 % instead of 1 %"
    assert quotas["web"].reason == "web gives way to floors: 95 % instead of 99 %"


def test_a_floor_over_a_cap_is_missed_and_said_to_be() -> None:
    asked = {"weights": {"web": 9, "math": 1}, "floors": {"math": 0.05}, "budget_tokens": 10_000}
    quotas = planned({"web": 99_000, "math": 100}, **asked)
    assert quotas["math"].reason == "math capped once: 1 % instead of 10 %, below its floor of 5 %"


def test_a_budget_that_the_caps_do_not_allow_is_said_not_to_be_reached() -> None:
    quotas = list(planned({"web": 900, "wikipedia": 100}, budget_tokens=5_000).values())
    assert sum(quota.given_tokens for quota in quotas) == 1_300
    assert "budget of 5,000 tokens is not reached" in (shortfall(quotas, 5_000) or "")
    assert "1,300 tokens together" in (shortfall(quotas, 5_000) or "")
    assert shortfall(quotas, 1_300) is None and shortfall(quotas, None) is None


def by_quality(budget: int, bins: dict[int, int], **settings: object) -> Quota:
    config = MixConfig(budget_tokens=budget, **{"quality_epochs": {"web": (0, 0, 1, 2, 7)}, **settings})
    (quota,) = plan_mix({"web": bins}, config)
    return quota


FIFTHS = dict.fromkeys(range(5), 100)


def test_the_worst_are_dropped_and_the_best_used_seven_times() -> None:
    quota = by_quality(10**6, FIFTHS)
    assert [part.given_tokens for part in quota.bins] == [0, 0, 100, 200, 700]
    assert quota.max_epochs == 2.0 and quota.given_tokens == 1000


def test_where_less_is_needed_all_are_used_less_in_proportion() -> None:
    assert [part.given_tokens for part in by_quality(500, FIFTHS).bins] == [0, 0, 50, 100, 350]


def test_a_domains_own_cap_holds_for_its_best_documents_too() -> None:
    quota = by_quality(10**6, FIFTHS, max_epochs={"web": 4})
    assert [part.given_tokens for part in quota.bins] == [0, 0, 100, 200, 400]
    less = by_quality(600, FIFTHS, max_epochs={"web": 4})
    assert [part.given_tokens for part in less.bins] == [0, 0, 67, 133, 400]


def test_documents_without_a_quality_are_used_once() -> None:
    assert [part.given_tokens for part in by_quality(10**6, {UNSCORED: 50}).bins] == [50]


def test_a_cap_by_quality_is_explained() -> None:
    config = MixConfig(weights={"web": 1, "code": 1}, quality_epochs={"web": (0, 3)}, budget_tokens=1000)
    web = plan_mix({"web": {0: 100, 1: 100}, "code": {0: 9000}}, config)[1]
    assert web.reason == "web capped at 1.5 epochs by quality: 30 % instead of 50 %"


@given(
    st.dictionaries(st.integers(0, 4), st.integers(0, 400), min_size=1),
    st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, 7.0]), min_size=5, max_size=5).filter(any),
    st.integers(0, 5000),
    st.integers(0, 300),
)
def test_bins_add_up_stay_under_their_caps_and_only_grow(bins, epochs, budget, more) -> None:
    config = MixConfig(quality_epochs={"web": tuple(epochs)}, budget_tokens=budget)
    (small,), (large,) = (
        plan_mix({"web": bins}, config.model_copy(update={"budget_tokens": tokens}))
        for tokens in (budget, budget + more)
    )
    assert small.given_tokens == sum(part.given_tokens for part in small.bins)
    assert all(part.given_tokens <= part.cap for part in small.bins)
    pairs = zip(small.bins, large.bins, strict=True)
    assert all(before.given_tokens <= after.given_tokens for before, after in pairs)
    assert small.given_tokens == min(budget, sum(int(n * epochs[b]) for b, n in bins.items()))


def test_whole_documents_change_the_shares_and_the_words() -> None:
    quotas = planned({"web": 1000, "books": 1000}, weights={"web": 0.5, "books": 0.5}, budget_tokens=1000)
    written = {quota.domain: quota for quota in as_written(list(quotas.values()), {"web": 500, "books": 300})}
    assert written["books"].reason == "books rounded to whole documents: 37.5 % instead of 50 %"
    assert written["web"].reason == "web rounded to whole documents: 62.5 % instead of 50 %"
    assert written["web"].given_frac == 0.625


def test_what_others_left_is_told_from_what_whole_documents_add() -> None:
    """The same share written, of two plans: 15.2 % because others fell short, and because a document is not cut."""
    stock = {"web": 100_000, "code": 100_000, "other": 500}
    left = planned(stock, weights={"web": 83, "code": 15, "other": 2}, budget_tokens=60_000, default_max_epochs=1)
    full = planned(stock, weights={"web": 85, "code": 15}, budget_tokens=60_000)
    given = {"web": 50_395, "code": 9_105, "other": 500}
    by_others = {quota.domain: quota for quota in as_written(list(left.values()), given)}
    by_rounding = {quota.domain: quota for quota in as_written(list(full.values()), {"web": 50_880, "code": 9_120})}
    assert by_others["code"].reason == "code takes 0.2 points that others left: 15.2 % instead of 15 %"
    assert by_others["other"].reason == "other capped once: 0.8 % instead of 2 %"
    assert by_rounding["code"].reason == "code rounded to whole documents: 15.2 % instead of 15 %"


def test_a_cap_at_the_asked_share_under_a_floor_is_a_cap() -> None:
    asked = {"weights": {"web": 99, "math": 1}, "floors": {"math": 0.05}, "budget_tokens": 10_000}
    quotas = planned({"web": 99_000, "math": 100}, **asked)
    assert quotas["math"].reason == "math capped once: 1.00 % instead of 1.00 %, below its floor of 5 %"


def test_a_domain_that_gives_way_to_floors_says_so_after_rounding_too() -> None:
    quotas = planned({"web": 99_000, "math": 1_000}, floors={"math": 0.05}, budget_tokens=10_000)
    written = as_written(list(quotas.values()), {"web": 9_497, "math": 500})
    assert {quota.reason for quota in written} >= {"web gives way to floors: 95 % instead of 99 %"}


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_is_no_amount_is_refused(weight) -> None:
    with pytest.raises(ValidationError, match="web"):
        MixConfig(weights={"web": weight})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"weights": {"web": 1}, "temperature": 2}, "two answers to one question"),
        ({"weights": {"web": 0}}, "all weights are 0"),
        ({"floors": {"web": 0.7, "code": 0.4}}, "floors add up to 110 %"),
        ({"weights": {"web": 1}, "floors": {"code": 0.1}}, "floors name code, which has no weight"),
        ({"quality_epochs": {"web": (0, 0)}}, "at least one above 0"),
        ({"quality_epochs": {"web": (1,)}}, "at least 2 items"),
        ({"temperature": 0.5}, "greater than or equal to 1"),
        ({"default_max_epochs": float("inf")}, "finite number"),
    ],
)
def test_wishes_that_cannot_be_are_refused_with_the_reason(settings, said) -> None:
    with pytest.raises(ValidationError, match=said):
        MixConfig(**settings)
