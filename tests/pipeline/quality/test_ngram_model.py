"""Scoring: equal to looking n-grams up one by one, to KenLM where it is installed; files that are no models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.batch import DocumentBatch
from pipeline.quality.arpa import write_arpa
from pipeline.quality.kenlm_model import load_model
from pipeline.quality.ngram_model import MAGIC, NgramModel
from storage.errors import UserError
from tests.pipeline.quality.models import grams_of, packed, plain_log10, ready, train

LINES = st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=8).map(" ".join), max_size=6).map("\n".join)
TEXT = "the cat sat on the mat\nthe cat ate the rat\na dog sat on the cat\nthe dog"


@given(st.lists(LINES, min_size=1, max_size=4), st.lists(LINES, max_size=4), st.integers(2, 5))
@settings(deadline=None, max_examples=120)
def test_scores_are_those_of_the_ngrams(known: list[str], asked: list[str], order: int) -> None:
    found, vocabulary = train(["a b c d\nb c", *known], order, (0, 0, 1, 1, 1)[:order])
    grams = grams_of(found, vocabulary)
    scores = NgramModel(packed(found, vocabulary)).score(DocumentBatch.of_texts(asked).utf8)
    for text, score, words in zip(asked, scores.log10_probs, scores.words, strict=True):
        sentences = [line.split() for line in text.split("\n") if line.split()]
        assert words == sum(len(sentence) + 1 for sentence in sentences)
        assert score == pytest.approx(sum(plain_log10(grams, s, order) for s in sentences), rel=1e-5, abs=1e-5)


def test_what_was_read_before_does_not_matter() -> None:
    model = ready([TEXT])
    texts = [TEXT, "", "the unheard of", "cat\nsat"]
    together = model.score(DocumentBatch.of_texts(texts).utf8)
    alone = [model.score(DocumentBatch.of_texts([text]).utf8) for text in texts]
    assert together.log10_probs.tolist() == [score.log10_probs[0] for score in alone]


def test_perplexity_is_cc_nets() -> None:
    scores = ready([TEXT]).score(DocumentBatch.of_texts(["the cat\nthe dog", ""]).utf8)
    assert scores.words.tolist() == [6, 0]
    assert scores.perplexities[0] == pytest.approx(10 ** (-scores.log10_probs[0] / 6))
    assert np.isnan(scores.perplexities[1])


def test_kenlm_scores_our_arpa_alike(tmp_path: Path) -> None:
    """Both ways of scoring, the same words: KenLM from our ARPA file, and our own table."""
    pytest.importorskip("kenlm", reason="kenlm is not installed: pip install 'winnow[kenlm]'")
    found, vocabulary = train([TEXT], 3, (0, 0, 0))
    path = tmp_path / "en.arpa"
    path.write_bytes(b"".join(write_arpa(found.levels, vocabulary.words)))
    batch = DocumentBatch.of_texts([TEXT.title(), "the dog ate\nsomething", ""])
    theirs = load_model(str(path)).score(batch)
    ours = NgramModel(packed(found, vocabulary, "words")).score(batch.utf8)
    assert theirs.words.tolist() == ours.words.tolist()
    assert theirs.log10_probs == pytest.approx(ours.log10_probs, abs=1e-4)


def test_a_model_of_pieces_is_read_as_cc_net_does(tmp_path: Path) -> None:
    """A SentencePiece model and a KenLM model of its pieces: the page is one sentence, its line ends gone."""
    kenlm = pytest.importorskip("kenlm", reason="kenlm is not installed: pip install 'winnow[kenlm]'")
    sentencepiece = pytest.importorskip("sentencepiece")
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(TEXT)
    trainer = sentencepiece.SentencePieceTrainer
    trainer.train(input=str(corpus), model_prefix=str(tmp_path / "en.sp"), vocab_size=20, minloglevel=2)
    cutter = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "en.sp.model"))
    cut = "\n".join(" ".join(cutter.encode(line, out_type=str)) for line in TEXT.split("\n"))
    found, vocabulary = train([cut], 3, (0, 0, 0))
    arpa = tmp_path / "en.arpa"
    arpa.write_bytes(b"".join(write_arpa(found.levels, vocabulary.words)))
    scores = load_model(str(arpa), str(tmp_path / "en.sp.model")).score(DocumentBatch.of_texts(["The CAT\nsat", " "]))
    pieces = cutter.encode("the catsat", out_type=str)
    assert scores.words.tolist() == [len(pieces) + 1, 0]
    assert scores.log10_probs[0] == pytest.approx(kenlm.Model(str(arpa)).score(" ".join(pieces)))


def test_files_that_are_no_models(tmp_path: Path) -> None:
    block = packed(*train([TEXT], 2, (0, 0))).tobytes()
    damaged = {
        "cut": block[:-16],
        "header": MAGIC + (5).to_bytes(4, "little") + b"{none" + block[100:],
        "other": block.replace(b'"spaces"', b'"pieces"'),
        "begun": MAGIC,
    }
    for name, content in damaged.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UserError, match="no perplexity model"):
            load_model(str(path))


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="train-perplexity"):
        load_model(str(tmp_path / "absent.lm"))


def test_a_file_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("<html>")
    with pytest.raises(UserError, match=r"cannot be read|takes the package kenlm"):
        load_model(str(path))
