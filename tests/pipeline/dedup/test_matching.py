from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from pipeline.batch import DocumentBatch
from pipeline.dedup.banding import choose_bands, expect, s_curve
from pipeline.dedup.clusters import Forest, Links, list_members
from pipeline.dedup.signatures import ShingleSets, Shingling, band_keys, shingle, shingle_sets, sign
from pipeline.dedup.survivors import Pages, SurvivorSearch
from pipeline.dedup.verification import measure_jaccard
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


ENTRIES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 11)), max_size=30)


@settings(deadline=None)
@given(st.lists(ENTRIES, min_size=1, max_size=4), st.integers(1, 4))
def test_clusters_are_connected_components(bands: list[list[tuple[int, int]]], forests: int) -> None:
    """However the bands are shared out to forests; networkx's definition, in six lines."""
    whole = Forest(12)
    for number in range(forests):
        forest = Forest(12)
        for entries in bands[number::forests]:
            forest.add_buckets(
                np.array([key for key, _ in entries], np.uint64), np.array([page for _, page in entries], np.int64)
            )
        whole.add_links(forest.links())
    roots = dict(zip(*(column.tolist() for column in whole.links()), strict=True))
    groups = [{page} for page in range(12)]
    for band in bands:
        for key in {key for key, _ in band}:
            inside = {page for other, page in band if other == key}
            touched = [group for group in groups if group & inside]
            groups = [group for group in groups if not group & inside] + [set().union(*touched)]
    assert {page: min(group) for group in groups for page in group if page != min(group)} == roots


def test_buckets_are_counted() -> None:
    met = Forest(9).add_buckets(np.array([5, 7, 5, 5, 7, 1], np.uint64), np.array([0, 1, 2, 3, 4, 8]))
    assert met == (2, 5, 3)


def test_parts_hold_whole_clusters() -> None:
    links = Links(np.array([1, 3, 5, 7, 8]), np.array([0, 2, 2, 6, 6]))
    members = list_members(links, np.full(9, 10), 40)
    assert members.page.tolist() == [0, 1, 2, 3, 5, 6, 7, 8]
    assert members.cluster.tolist() == [0, 0, 2, 2, 2, 6, 6, 6]
    parts = dict(zip(members.cluster.tolist(), members.part.tolist(), strict=True))
    assert parts == {0: 0, 2: 1, 6: 2}
    assert list_members(Links(np.zeros(0, np.int64), np.zeros(0, np.int64)), np.ones(3), 40).page.tolist() == []


@dataclass(frozen=True)
class Judged:
    """A page as the search sees it: its shingles, its buckets, its payload."""

    shingles: frozenset[int]
    keys: tuple[int, ...]
    body: int = 0


def as_pages(cluster: list[int], pages: list[Judged], first: int = 0) -> Pages:
    sets = [np.array(sorted(page.shingles), np.uint64) for page in pages]
    bounds = np.cumsum([0, *map(len, sets)]).astype(np.int64)
    keys = [key for page in pages for key in page.keys]
    return Pages(
        np.array(cluster, np.int64),
        np.arange(first, first + len(pages)),
        np.array([page.body for page in pages], np.uint64),
        ShingleSets(np.concatenate([np.zeros(0, np.uint64), *sets]), bounds),
        np.array(keys, np.uint64),
        np.cumsum([0, *(len(page.keys) for page in pages)]).astype(np.int64),
    )


def found_by(search: SurvivorSearch, pieces: list[Pages]) -> dict[int, tuple[int, float, bool]]:
    found: dict[int, tuple[int, float, bool]] = {}
    for piece in pieces:
        for page, survivor, jaccard, same in zip(*(c.tolist() for c in search.judge(piece)), strict=True):
            found[page] = (survivor, jaccard, same)
    return found


PAGES = st.builds(
    Judged,
    st.frozensets(st.integers(0, 6), max_size=5),
    st.lists(st.integers(1, 3), min_size=2, max_size=2).map(tuple),
    st.sampled_from([0, 0, 0, 11, 12]),
)


@settings(deadline=None, max_examples=200)
@given(st.lists(PAGES, max_size=14), st.integers(1, 5), st.sampled_from([0.4, 0.5, 0.8]), st.integers(0, 3))
def test_survivors_equal_their_twin_and_never_chain(
    pages: list[Judged], piece: int, least: float, settled: int
) -> None:
    """Against the plain greedy choice over every pair that shares a bucket, whatever the batches."""
    similar = {
        (a, b): len(pages[a].shingles & pages[b].shingles) / max(len(pages[a].shingles | pages[b].shingles), 1)
        for a, b in combinations(range(len(pages)), 2)
        if any(x == y for x, y in zip(pages[a].keys, pages[b].keys, strict=True)) or same_body(pages, a, b)
    }
    edges = {
        pair: value
        for pair, value in similar.items()
        if (value >= least or same_body(pages, *pair)) and pair[1] >= settled
    }
    search = SurvivorSearch(least, settled, 64, 1 << 20)
    pieces = [as_pages([0] * len(pages[i : i + piece]), pages[i : i + piece], i) for i in range(0, len(pages), piece)]
    found = found_by(search, pieces)
    assert {page: values[:2] for page, values in found.items()} == plain.keep_greedily(len(pages), edges)
    kept = set(range(len(pages))) - set(found)
    assert not any(a in kept and b in kept for a, b in edges), "two pages that are kept are duplicates"
    assert all(survivor in kept for survivor, _, _ in found.values())
    assert all(same == same_body(pages, page, survivor) for page, (survivor, _, same) in found.items())


def same_body(pages: list[Judged], a: int, b: int) -> bool:
    return pages[a].body == pages[b].body != 0


def test_a_chain_keeps_both_ends() -> None:
    a, b, c = frozenset(range(10)), frozenset(range(2, 12)), frozenset(range(4, 14))
    pages = [Judged(shingles, (1,)) for shingles in (a, b, c)]
    found = found_by(SurvivorSearch(0.6, 0, 64, 1 << 20), [as_pages([0, 0, 0], pages)])
    assert found == {1: (0, 8 / 12, False)}, "page 2 resembles only a page that is gone"


def test_the_most_similar_survivor_is_named() -> None:
    pages = [Judged(frozenset(shingles), (1,)) for shingles in (range(8), range(3, 14), range(2, 13))]
    found = found_by(SurvivorSearch(0.4, 0, 64, 1 << 20), [as_pages([0, 0, 0], pages)])
    assert found[2][:2] == (1, 10 / 12)


def test_clusters_do_not_see_each_other() -> None:
    page = Judged(frozenset({1, 2}), (7,))
    assert found_by(SurvivorSearch(0.5, 0, 64, 1 << 20), [as_pages([0, 1], [page, page])]) == {}


def test_giant_buckets_are_cut_and_counted() -> None:
    """Twenty different pages in one bucket: later ones are compared with the best three only."""
    pages = [Judged(frozenset({i}), (1,)) for i in range(20)]
    twice = [*pages, Judged(frozenset({2}), (1,)), Judged(frozenset({19}), (1,))]
    search = SurvivorSearch(0.8, 0, 3, 1 << 20)
    found = found_by(search, [as_pages([0] * 22, twice)])
    assert found == {20: (2, 1.0, False)}, "the copy of a page beyond the cut stays"
    assert search.counts().cut_buckets == 1
    assert search.counts().uncompared_pages == 17


def test_kept_pages_beyond_the_memory_are_counted() -> None:
    pages = [Judged(frozenset(range(100 * i, 100 * i + 100)), (1,)) for i in range(5)]
    search = SurvivorSearch(0.8, 0, 64, 2000)
    assert found_by(search, [as_pages([0] * 6, [*pages, pages[0]])]) == {5: (0, 1.0, False)}
    assert (search.counts().cut_buckets, search.counts().uncompared_pages) == (1, 2)


def pair_at(similarity: float, shingles: int, rng: random.Random) -> tuple[str, str, float]:
    """Two texts of distinct words whose word sets have about that Jaccard similarity, and the exact one."""
    shared = round(2 * shingles * similarity / (1 + similarity))
    words = [f"w{rng.getrandbits(40):x}z" for _ in range(2 * shingles - shared)]
    left, right = words[:shingles], words[:shared] + words[shingles:]
    return " ".join(left), " ".join(right), shared / (2 * shingles - shared)


@pytest.mark.parametrize("similarity", [0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95])
def test_recall_follows_the_s_curve(similarity: float) -> None:
    """The theory lies within the exact 99.9 % confidence interval of what 1,500 pairs of single words show."""
    rng, pairs = random.Random(round(similarity * 1000)), 1500
    made = [pair_at(similarity, 200, rng) for _ in range(pairs)]
    texts = [text for a, b, _ in made for text in (a, b)]
    shingles = shingle(DocumentBatch.of_texts(texts).utf8, Shingling(1, fold_numbers=False))
    keys = np.array(band_keys(sign(shingles, 112, 1), 14, 8, shingles.sizes).to_pylist(), np.uint64)
    found = int((keys[0::2] == keys[1::2]).any(axis=1).sum())
    interval = binomtest(found, pairs).proportion_ci(0.999)
    assert interval.low <= float(s_curve(14, 8, made[0][2])) <= interval.high


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


def test_the_best_bands_for_fineweb_s_threshold_are_fineweb_s() -> None:
    assert choose_bands(0.8, 112) == (14, 8)
    assert choose_bands(0.8, 112, 0.5) == (9, 12), "datasketch's own weights, for searches that do not measure"
