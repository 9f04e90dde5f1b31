"""Line corrections, phrases and NeMo's counts: equal to plain Python."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.batch import DocumentBatch
from pipeline.kernels import english
from pipeline.kernels import line_corrections as kernel
from pipeline.kernels.line_corrections import Corrections
from pipeline.kernels.paragraphs import count_paragraphs
from pipeline.kernels.phrases import find_phrases
from tests.pipeline.kernels import plain_corrections as plain
from tests.pipeline.kernels.texts import hard_texts

COLUMNS = ("capitals", "numerals", "counter", "few_words", "phrase", "edited", "lines", "words", "left")
COMMON = ("the", "of", "x")
LINES = (
    "3 likes", "1,234 Views!", "2.5k\tcomments", "3likes", "x 3 likes", "٣ likes", "12", "1²", "MENU", "Ab", "one",
    "Sign-in", "sign-in now please", "Sign-in items in cart Read more...", "2 items in cart", "Read more abc",
    "go on  read more...", "read more", " padded line ", "items in cartitems in cart", "a b c d e f g h i j sign-in",
    "# # ##", "see http://a.b/http://c, https://d", "https:// x", "• one", "go on -»", "and (...)", "What?",
)  # fmt: skip
PHRASES = ("lorem ipsum", "privacy policy", "terms of use", "é", "aa")


def correction_texts() -> st.SearchStrategy[str]:
    return st.one_of(st.lists(st.sampled_from(LINES), max_size=8).map("\n".join), hard_texts())


def corrections() -> st.SearchStrategy[Corrections]:
    return st.builds(
        Corrections,
        st.sampled_from([0.5, 1.0]),
        st.sampled_from([0.999999, 1.0]),
        st.integers(0, 3),
        st.sampled_from([3, 10]),
        st.sampled_from([(), ("likes", "views", "comments")]),
        st.sampled_from([(), ("items in cart",), ("items in cart", "the")]),
        st.sampled_from([(), ("sign-in",)]),
        st.sampled_from([(), ("read more...",)]),
    )


@given(st.lists(correction_texts(), max_size=4), corrections())
@settings(deadline=None, max_examples=300)
def test_corrected_lines_equal_plain_python(texts: list[str], given_corrections: Corrections) -> None:
    batch = DocumentBatch.of_texts(texts)
    result = kernel.correct_lines(batch.utf8.data, batch.characters, batch.chunks, batch.lines, given_corrections)
    kept = batch.of_pieces(result.pieces).texts
    for i, text in enumerate(texts):
        expected, counts = plain.correct(text, given_corrections)
        assert kept[i] == expected
        assert result.counts[i].tolist() == [counts[name] for name in COLUMNS]


@given(st.lists(correction_texts(), max_size=4))
@settings(deadline=None, max_examples=200)
def test_english_counts_equal_plain_python(texts: list[str]) -> None:
    batch = DocumentBatch.of_texts(texts)
    counts = english.count_english(batch.utf8.data, batch.characters, batch.chunks, batch.lines, COMMON)
    assert counts.tolist() == [plain.english(text, COMMON) for text in texts]


@given(
    st.lists(st.one_of(hard_texts(), st.lists(st.sampled_from(["a", "b", ""]), max_size=9).map("\n".join)), max_size=4)
)
@settings(deadline=None, max_examples=200)
def test_paragraphs_equal_plain_python(texts: list[str]) -> None:
    batch = DocumentBatch.of_texts(texts)
    hits = find_phrases(batch.utf8.data, batch.utf8.offsets, PHRASES)
    counts = count_paragraphs(batch.characters, batch.lines, batch.utf8.offsets, hits)
    assert counts.tolist() == [plain.paragraphs(text, PHRASES) for text in texts]


@given(st.lists(hard_texts(), max_size=4))
@settings(deadline=None, max_examples=150)
def test_phrases_are_all_found(texts: list[str]) -> None:
    batch = DocumentBatch.of_texts(texts)
    data, offsets = batch.utf8
    hits = find_phrases(data, offsets, PHRASES)
    expected = sorted(
        (int(start) + match.start(), place)
        for start, text in zip(offsets, texts, strict=False)
        for place, phrase in enumerate(PHRASES)
        for match in re.finditer(b"(?=" + re.escape(phrase.encode()) + b")", text.encode().lower())
    )
    assert sorted(zip(hits.starts.tolist(), hits.phrases.tolist(), strict=True)) == expected


def test_no_document_no_counts() -> None:
    batch = DocumentBatch.of_texts([])
    assert english.count_english(batch.utf8.data, batch.characters, batch.chunks, batch.lines, COMMON).shape == (
        0,
        english.BULLETS + 1,
    )
    assert len(find_phrases(np.zeros(0, np.uint8), np.zeros(1, np.int64), PHRASES).starts) == 0
