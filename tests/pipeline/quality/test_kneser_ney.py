"""Modified Kneser-Ney: equal to plain Python and to lmplz; a distribution; the same from any number of runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.quality.arpa import write_arpa
from pipeline.quality.kneser_ney import FALLBACK
from tests.pipeline.quality.models import grams_of, read_arpa, train
from tests.pipeline.quality.plain_kneser_ney import Plain

CORPUS = ["the cat sat on the mat", "the cat ate the rat", "a dog sat on the cat", "the dog"]

LMPLZ = {
    "<unk>": (-1.4267436, 0), "<s>": (0, -0.024823597), "</s>": (-0.6244586, 0), "the": (-0.7480951, -0.19836766),
    "cat": (-1.2149367, -0.109144434), "sat": (-1.0439548, -0.3802113), "dog": (-1.0439548, -0.10914446),
    "cat </s>": (-0.58712924, 0), "<s> the": (-0.7729187, -0.30103), "the cat": (-0.5655222, -0.30103),
    "sat on": (-0.21557213, -0.30103), "<s> a": (-0.9464172, -0.30103), "a dog": (-0.53385425, -0.30103),
    "the cat </s>": (-0.52865136, 0), "sat on the": (-0.16712694, 0), "<s> the cat": (-0.32854497, 0),
    "the cat sat": (-0.62187606, 0), "<s> the dog": (-0.6625259, 0), "<s> a dog": (-0.18959495, 0),
}  # fmt: skip
"""log10 of probability and back-off weight that KenLM 0.3's trainer gives CORPUS, one sentence a line:

    lmplz -o 3 --discount_fallback < corpus.txt
"""

LMPLZ_PRUNED = {"the cat": (-0.5655222, 0), "sat on the": (-0.16712694, 0), "<s> the cat": (-0.28850603, 0)}
"""The same with `--prune 0 0 1`, which leaves two trigrams."""

sentences = st.lists(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=7), min_size=1, max_size=25)
orders_and_prunes = st.sampled_from(
    [(2, (0, 0)), (3, (0, 0, 0)), (3, (0, 0, 1)), (4, (0, 1, 1, 2)), (5, (0, 0, 0, 0, 0)), (5, (0, 0, 1, 1, 1))]
)


def test_the_numbers_of_lmplz() -> None:
    grams = grams_of(*train(CORPUS, 3, (0, 0, 0)))
    assert len(grams) == 12 + 17 + 17
    for text, expected in LMPLZ.items():
        assert np.log10(grams[tuple(text.split())]) == pytest.approx(expected, abs=1e-6), text


def test_the_numbers_of_lmplz_pruned() -> None:
    grams = grams_of(*train(CORPUS, 3, (0, 0, 1)))
    assert sorted(gram for gram in grams if len(gram) == 3) == [("<s>", "the", "cat"), ("sat", "on", "the")]
    for text, expected in LMPLZ_PRUNED.items():
        assert np.log10(grams[tuple(text.split())]) == pytest.approx(expected, abs=1e-6), text


@given(sentences, orders_and_prunes)
@settings(deadline=None, max_examples=150)
def test_equal_to_plain_python(corpus: list[list[str]], chosen: tuple[int, tuple[int, ...]]) -> None:
    order, prune = chosen
    plain = Plain(corpus, order, prune)
    found = grams_of(*train([" ".join(sentence) for sentence in corpus], order, prune))
    assert found.keys() == plain.probs.keys()
    for gram, (prob, backoff) in found.items():
        assert prob == pytest.approx(plain.probs[gram], rel=1e-9), gram
        assert backoff == pytest.approx(plain.backoffs.get(gram, 1.0), rel=1e-9), gram


@given(sentences, orders_and_prunes)
@settings(deadline=None, max_examples=60)
def test_every_context_is_a_distribution(corpus: list[list[str]], chosen: tuple[int, tuple[int, ...]]) -> None:
    """Over the vocabulary, `<unk>` and `</s>` included, in contexts seen and not."""
    order, prune = chosen
    model = Plain(corpus, order, prune)
    grams = grams_of(*train([" ".join(sentence) for sentence in corpus], order, prune))
    model.probs = {gram: prob for gram, (prob, _) in grams.items()}
    model.backoffs = {gram: backoff for gram, (_, backoff) in grams.items()}
    words = [gram[0] for gram in grams if len(gram) == 1 and gram != ("<s>",)]
    contexts = {gram[:-1] for gram in grams} | {("a", "b", "a"), ("<s>", "g"), ("<unk>",)}
    for context in sorted(contexts)[:40]:
        assert math.fsum(model.prob(context, word) for word in words) == pytest.approx(1, abs=1e-9), context


@given(sentences, st.integers(2, 5), st.integers(1, 12))
@settings(deadline=None, max_examples=60)
def test_any_number_of_runs_and_parts_gives_the_same(corpus: list[list[str]], runs: int, most: int) -> None:
    """Runs of interleaved texts, merged a few n-grams at a time; only the numbering of words differs."""
    texts = [" ".join(sentence) for sentence in corpus]
    assert grams_of(*train(texts, 3, (0, 0, 1), runs, most)) == grams_of(*train(texts, 3, (0, 0, 1)))


def test_text_too_odd_for_discounts_falls_back_and_says_so() -> None:
    found, _ = train(["a b"], 2, (0, 0))
    assert found.fell_back == [True, True] and found.discounts == [FALLBACK, FALLBACK]


def test_symbols_written_in_the_text_are_no_words() -> None:
    assert grams_of(*train(["a <s> b <unk>"], 2, (0, 0))) == grams_of(*train(["a b"], 2, (0, 0)))


@pytest.mark.parametrize("prune", [(0,), (1, 1), (0, -1), (0, 2, 1)])
def test_pruning_that_makes_no_sense(prune: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="pruning counts"):
        train(CORPUS, max(2, len(prune)), prune)


@given(sentences)
@settings(deadline=None, max_examples=30)
def test_an_arpa_file_holds_the_model(corpus: list[list[str]]) -> None:
    found, vocabulary = train([" ".join(sentence) for sentence in corpus], 3, (0, 0, 1))
    text = b"".join(write_arpa(found.levels, vocabulary.words)).decode()
    counts = [f"ngram {depth}={len(level)}" for depth, level in enumerate(found.levels, 1)]
    assert text.splitlines()[: len(counts) + 1] == ["\\data\\", *counts] and text.endswith("\n\\end\\\n")
    before, after = grams_of(found, vocabulary), read_arpa(text)
    assert before.keys() == after.keys()
    for gram, values in before.items():
        assert after[gram] == pytest.approx(values, rel=1e-5), gram
