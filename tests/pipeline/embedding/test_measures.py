"""Measures of word vectors: scipy's numbers, what they mean at their ends, and pair files as they come."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, spearmanr

from pipeline.embedding.measures import (
    RankCorrelation,
    RatedPair,
    cosines,
    project,
    read_pairs,
    self_similarity,
    told_apart,
)
from storage.errors import UserError

RANDOM = np.random.default_rng(3)


def test_the_correlation_is_scipys_and_its_interval_holds_it() -> None:
    ratings, scores = RANDOM.integers(0, 8, 60).astype(float), RANDOM.normal(size=60)
    scores += 0.2 * ratings
    value, low, high = RankCorrelation(ratings.tolist(), 300, 0).of(scores)
    assert value == pytest.approx(spearmanr(ratings, scores).statistic, abs=1e-12)
    assert low < value < high


def test_intervals_cover_as_often_as_they_say() -> None:
    """Of 60 samples of 80 pairs with a rank correlation of 0.48 the 95 % intervals hold it at least 50 times."""
    held = 0
    for seed in range(60):
        drawn = np.random.default_rng(seed).multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 80)
        _, low, high = RankCorrelation(drawn[:, 0].tolist(), 200, seed).of(drawn[:, 1])
        held += low <= 6 / np.pi * np.arcsin(0.25) <= high
    assert held >= 50


def test_scores_that_are_all_one_have_no_correlation() -> None:
    assert all(np.isnan(RankCorrelation([1.0, 2.0, 3.0], 50, 0).of(np.ones(3))))


def test_cosines_of_rows() -> None:
    assert cosines(np.array([[1.0, 0], [1, 1], [0, 0]]), np.array([[2.0, 0], [1, -1], [1, 1]])).tolist() == [1, 0, 0]


def test_uses_told_apart_is_the_area_under_the_curve() -> None:
    vectors, labels = RANDOM.normal(size=(9, 4)), list("aaabbbbcc")
    first, second = np.triu_indices(9, 1)
    near = cosines(vectors[first], vectors[second])
    same = np.array([labels[a] == labels[b] for a, b in zip(first, second, strict=True)])
    expected = mannwhitneyu(near[same], near[~same]).statistic / (same.sum() * (~same).sum())
    found = told_apart([(vectors, labels)], 50, 0)
    assert found is not None and found[0] == pytest.approx(expected)


def test_one_vector_for_all_uses_tells_nothing_apart() -> None:
    same = np.tile(RANDOM.normal(size=5), (6, 1))
    apart = np.repeat(np.eye(2), 3, axis=0)
    assert told_apart([(same, list("aaabbb"))], 50, 0) == (0.5, 0.5, 0.5)
    assert told_apart([(apart, list("aaabbb"))], 50, 0) == (1.0, 1.0, 1.0)
    assert told_apart([(apart, list("aaaaaa")), (apart[:2], list("ab"))], 50, 0) is None


def test_self_similarity_is_one_for_static_vectors_and_none_for_random_ones() -> None:
    static = [np.tile(axis, (4, 1)) for axis in np.eye(3)]
    assert self_similarity(static) == pytest.approx(1.0)
    value = self_similarity([RANDOM.normal(size=(30, 200)) for _ in range(8)])
    assert value is not None and abs(value) < 0.02
    assert self_similarity(static[:1]) is None


def test_the_plane_shows_what_there_is() -> None:
    line = np.outer(np.arange(5.0), [3.0, 4.0, 0.0])
    points, shares = project(line)
    assert points[:, 0].tolist() == pytest.approx([-10, -5, 0, 5, 10]) or points[0, 0] == pytest.approx(10)
    assert shares == pytest.approx((1.0, 0.0))
    points, shares = project(np.ones((4, 3)))
    assert not points.any() and shares == (0.0, 0.0)


def test_pairs_are_read_as_they_come() -> None:
    lines = [
        "Word 1\tWord 2\tHuman (mean)",
        "# words",
        "",
        "Tiger\tcat\t7.35",
        "book,paper,7.46",
        "gem jewel 3.94 extra",
    ]
    assert read_pairs(lines, "x")[0] == RatedPair("tiger", "cat", 7.35)
    with pytest.raises(UserError, match="line 2 of x is no rated pair"):
        read_pairs(["a b 1", "a b"], "x")
    with pytest.raises(UserError, match="at least three"):
        read_pairs(["a b 1"], "x")
