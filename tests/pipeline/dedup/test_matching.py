from __future__ import annotations

import random
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.batch import DocumentBatch
from pipeline.dedup.banding import expect, s_curve
from pipeline.dedup.clusters import Edges, choose_survivors
from pipeline.dedup.signatures import Shingling, band_keys, shingle, shingle_sets, sign
from pipeline.dedup.verification import PartPlanner, find_positions, join_sets, measure_jaccard
from tests.pipeline.dedup import plain


@settings(deadline=None)
@given(st.lists(st.text(alphabet="abc ", max_size=40), min_size=2, max_size=6))
def test_jaccard_equals_its_twin(texts: list[str]) -> None:
    sets = shingle_sets(DocumentBatch.of_texts(texts).utf8, Shingling(2))
    left, right = np.array(list(combinations(range(len(texts)), 2))).T
    measured = measure_jaccard(sets, left, right)
    assert measured.tolist() == [plain.jaccard(texts[a], texts[b], ngram=2) for a, b in zip(left, right, strict=True)]


def test_texts_without_words_are_not_alike() -> None:
    sets = shingle_sets(DocumentBatch.of_texts(["", "..."]).utf8, Shingling())
    assert measure_jaccard(sets, np.array([0]), np.array([1])).tolist() == [0.0]


def test_joined_sets_are_those_of_one_batch() -> None:
    texts = ["a b c", "", "c d", "a b c d e f"]
    whole = shingle_sets(DocumentBatch.of_texts(texts).utf8, Shingling(2))
    parts = join_sets(
        [shingle_sets(DocumentBatch.of_texts(part).utf8, Shingling(2)) for part in (texts[:1], texts[1:])]
    )
    assert whole.hashes.tolist() == parts.hashes.tolist() and whole.bounds.tolist() == parts.bounds.tolist()
    assert join_sets([]).bounds.tolist() == [0]


def test_positions_of_ranks() -> None:
    assert find_positions(np.array([7, 2, 9]), np.array([9, 7, 2, 9])).tolist() == [2, 0, 1, 2]


PAIRS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] < pair[1]), max_size=40)


@settings(deadline=None)
@given(PAIRS, st.lists(st.integers(1, 30), min_size=10, max_size=10), st.integers(1, 60), st.integers(1, 40))
def test_parts_fit_the_budget_however_pairs_arrive(
    pairs: list[tuple[int, int]], sizes: list[int], budget: int, piece: int
) -> None:
    planner = PartPlanner(np.array(sizes), budget)
    left, right = np.array([a for a, _ in pairs], np.int64), np.array([b for _, b in pairs], np.int64)
    cuts = range(0, len(pairs), piece)
    parts = [part for i in cuts for part in planner.assign(left[i : i + piece], right[i : i + piece]).tolist()]
    assert parts == PartPlanner(np.array(sizes), budget).assign(left, right).tolist()
    assert sorted(set(parts)) == list(range(len(set(parts)))) and parts == sorted(parts)
    for part in set(parts):
        inside = [pair for pair, number in zip(pairs, parts, strict=True) if number == part]
        used = sum(sizes[page] for page in {page for pair in inside for page in pair})
        assert used <= budget or len(set(inside)) == 1


def edges_of(similar: dict[tuple[int, int], float]) -> Edges:
    ordered = sorted((worse, better, value) for (better, worse), value in similar.items())
    worse, better, value = zip(*ordered, strict=True) if ordered else ((), (), ())
    return Edges(np.array(better, np.int64), np.array(worse, np.int64), np.array(value, np.float64))


SIMILAR = st.dictionaries(
    st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda pair: pair[0] < pair[1]),
    st.sampled_from([0.8, 0.85, 0.9, 1.0]),
    max_size=40,
)


@settings(deadline=None)
@given(SIMILAR, st.integers(1, 7))
def test_survivors_equal_their_twin_and_never_chain(similar: dict[tuple[int, int], float], piece: int) -> None:
    edges = edges_of(similar)
    pieces = [Edges(*(column[i : i + piece] for column in edges)) for i in range(0, len(edges.worse), piece)]
    removed = choose_survivors(12, pieces)
    found = {
        page: (survivor, value) for page, survivor, value in zip(*(column.tolist() for column in removed), strict=True)
    }
    assert found == plain.keep_greedily(12, similar)
    kept = set(range(12)) - set(found)
    assert not any(a in kept and b in kept for a, b in similar), "two pages that are kept are duplicates"
    assert all(survivor in kept for survivor, _ in found.values())


def test_a_chain_keeps_both_ends() -> None:
    removed = choose_survivors(3, [edges_of({(0, 1): 0.8, (1, 2): 0.9})])
    assert removed.page.tolist() == [1], "page 2 resembles only a page that is gone"


def test_the_most_similar_survivor_is_named() -> None:
    removed = choose_survivors(3, [edges_of({(0, 2): 0.8, (1, 2): 0.95})])
    assert (removed.survivor.tolist(), removed.jaccard.tolist()) == ([1], [0.95])


def pair_at(similarity: float, shingles: int, rng: random.Random) -> tuple[str, str, float]:
    """Two texts of distinct words whose word sets have about that Jaccard similarity, and the exact one."""
    shared = round(2 * shingles * similarity / (1 + similarity))
    words = [f"w{rng.getrandbits(40):x}z" for _ in range(2 * shingles - shared)]
    left, right = words[:shingles], words[:shared] + words[shingles:]
    return " ".join(left), " ".join(right), shared / (2 * shingles - shared)


@pytest.mark.parametrize("similarity", [0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95])
def test_recall_follows_the_s_curve(similarity: float) -> None:
    """Within four standard deviations of the theory, in 1,500 pairs of single-word shingles."""
    rng, pairs = random.Random(round(similarity * 1000)), 1500
    made = [pair_at(similarity, 200, rng) for _ in range(pairs)]
    texts = [text for a, b, _ in made for text in (a, b)]
    shingles = shingle(DocumentBatch.of_texts(texts).utf8, Shingling(1, fold_numbers=False))
    keys = np.array(band_keys(sign(shingles, 112, 1), 14, 8, shingles.sizes).to_pylist(), np.uint64)
    found = (keys[0::2] == keys[1::2]).any(axis=1).mean()
    expected = float(s_curve(14, 8, made[0][2]))
    assert abs(found - expected) <= 4 * np.sqrt(expected * (1 - expected) / pairs) + 0.01


def test_measured_similarity_is_exact_where_minhash_only_estimates() -> None:
    rng = random.Random(3)
    for similarity in (0.5, 0.79, 0.8, 0.81, 0.95):
        left, right, exact = pair_at(similarity, 200, rng)
        sets = shingle_sets(DocumentBatch.of_texts([left, right]).utf8, Shingling(1, fold_numbers=False))
        assert measure_jaccard(sets, np.array([0]), np.array([1])).tolist() == [exact]


def test_s_curve_has_the_published_points() -> None:
    """FineWeb's 14 x 8: 21.1, 56.5, 77.2, 92.4, 98.8 % at .6, .7, .75, .8, .85."""
    found = s_curve(14, 8, np.array([0.6, 0.7, 0.75, 0.8, 0.85])) * 100
    assert found.round(1).tolist() == [21.1, 56.5, 77.2, 92.4, 98.8]


def test_expected_errors_are_the_areas_beside_the_threshold() -> None:
    assert expect(1, 1, 0.5) == pytest.approx((0.25, 0.25))
    strict, lax = expect(5, 20, 0.8), expect(50, 4, 0.8)
    assert strict.false_positive_frac < lax.false_positive_frac
    assert strict.false_negative_frac > lax.false_negative_frac
