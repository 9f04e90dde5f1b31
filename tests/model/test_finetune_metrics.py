"""Scores of tasks: against scipy, against restatements of seqeval's and SQuAD's rules, and on examples by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from model.finetune import metrics
from model.finetune.spans import best_span, span_scores

TAGS = st.lists(st.sampled_from(["O", "B-a", "I-a", "B-b", "I-b"]), min_size=1, max_size=12)


def seqeval_entities(tags: list[str]) -> set[tuple[str, int, int]]:
    """seqeval's get_entities restated from its two predicates, end_of_chunk and start_of_chunk."""
    found, begin = [], 0
    before, before_kind = "O", ""
    for place, tag in enumerate([*tags, "O"]):
        mark, kind = tag[0], tag[2:]
        ends = before != "O" and (mark in "BO" or kind != before_kind)
        starts = mark == "B" or (mark == "I" and (before == "O" or kind != before_kind))
        if ends:
            found.append((before_kind, begin, place))
        if starts:
            begin = place
        before, before_kind = mark, kind
    return set(found)


@given(TAGS)
def test_entities_are_seqevals(tags: list[str]) -> None:
    assert metrics.entities(tags) == seqeval_entities(tags)


@pytest.mark.parametrize(
    ("tags", "strict"),
    [
        (["I-a", "I-a", "O"], set()),
        (["B-a", "I-a", "I-b"], {("a", 0, 2)}),
        (["B-a", "B-a", "I-a"], {("a", 0, 1), ("a", 1, 3)}),
        (["O", "I-b", "B-b"], {("b", 2, 3)}),
    ],
)
def test_strict_entities_begin_with_b(tags: list[str], strict: set[tuple[str, int, int]]) -> None:
    assert metrics.strict_entities(tags) == strict


def test_entity_f1_counts_whole_entities() -> None:
    gold = [["B-a", "I-a", "O", "B-b"], ["O", "B-a"]]
    said = [["B-a", "O", "O", "B-b"], ["O", "B-a"]]
    counts = metrics.entity_counts(said, gold)
    assert counts.tolist() == [[1, 2, 2], [1, 1, 1]]
    assert float(metrics.f1_of_counts(counts.sum(0))) == pytest.approx(2 * 2 / 6)
    assert float(metrics.f1_of_counts(np.zeros(3))) == 0.0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-3, 3)), min_size=3, max_size=30))
def test_correlations_are_scipys(pairs: list[tuple[int, float]]) -> None:
    x, y = np.array(pairs, np.float64).T
    if np.ptp(x) < 1e-3 or np.ptp(y) < 1e-3:
        assert float(metrics.pearson(np.ones(4), np.arange(4.0))) == 0.0
        return
    assert float(metrics.pearson(x, y)) == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-9)
    assert float(metrics.spearman(x, y)) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)


def test_macro_f1_by_hand() -> None:
    # class a: found 3, gold 2, both 2 -> 0.8; class b: found 1, gold 2, both 1 -> 2/3
    assert metrics.macro_f1("aaab", "aabb") == pytest.approx((0.8 + 2 / 3) / 2)


@pytest.mark.parametrize(
    ("said", "answers", "f1", "exact"),
    [
        ("The Ducks!", ["ducks"], 1.0, 1.0),
        ("two big ducks", ["big ducks", "geese"], 0.8, 0.0),
        ("ducks ducks", ["ducks"], 2 / 3, 0.0),
        ("", ["ducks"], 0.0, 0.0),
        ("a mill", ["A. mill"], 1.0, 1.0),
    ],
)
def test_answers_are_scored_as_squads(said: str, answers: list[str], f1: float, exact: float) -> None:
    assert metrics.token_f1(said, answers) == pytest.approx(f1)
    assert metrics.exact_match(said, answers) == exact


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12), st.integers(1, 6))
def test_the_best_span_is_that_of_trying_all(seed: int, length: int, most: int) -> None:
    start, end = np.random.default_rng(seed).normal(size=(2, length + 4))
    low, high = 2, 2 + length
    tried = {(start[a] + end[b], a, b) for a in range(low, high) for b in range(a, min(a + most, high))}
    score, first, last = best_span(span_scores(start, end, low, high, most))
    assert (score, first + low, last + low) == pytest.approx(max(tried))


def test_a_bootstrap_holds_the_mean_and_narrows() -> None:
    draws = np.random.default_rng(1).random(4000)
    few = metrics.bootstrap(lambda rows: draws[rows].mean(-1), 100)
    many = metrics.bootstrap(lambda rows: draws[rows].mean(-1), len(draws))
    assert few[0] < draws[:100].mean() < few[1] and many[1] - many[0] < few[1] - few[0]
    exact = 2 * 1.96 * draws.std() / np.sqrt(len(draws))
    assert many[1] - many[0] == pytest.approx(exact, rel=0.15)
