"""Repeated lines, paragraphs and n-grams: equal to plain Python."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.batch import DocumentBatch
from pipeline.kernels import repeats
from tests.pipeline.kernels import plain
from tests.pipeline.kernels.texts import hard_texts

LINES = st.lists(st.sampled_from(["", "a", "b", " ", "a b", "\u3000", "c\r", "\t"]), max_size=12).map("\n".join)
FEW_WORDS = st.lists(st.sampled_from(["a", "b", "cc", "dé", "."]), max_size=60).map(" ".join)
Pieces = Callable[[str], list[str]]


@pytest.mark.parametrize(
    ("kernel", "pieces"),
    [
        (lambda batch: repeats.count_repeated_lines(batch.lines), plain.lines),
        (
            lambda batch: repeats.count_repeated_paragraphs(batch.utf8.data, batch.characters, batch.lines),
            plain.paragraphs,
        ),
        (lambda batch: repeats.count_repeated_filled_lines(batch.lines), plain.filled_lines),
    ],
)
@given(texts=st.lists(st.one_of(LINES, hard_texts()), max_size=4))
@settings(deadline=None, max_examples=150)
def test_pieces_equal_plain_python(kernel: Callable[..., np.ndarray], pieces: Pieces, texts: list[str]) -> None:
    counts = kernel(DocumentBatch.of_texts(texts))
    assert counts.tolist() == [list(plain.repeated(pieces(text))) for text in texts]


@given(st.lists(st.one_of(FEW_WORDS, hard_texts()), max_size=4))
@settings(deadline=None, max_examples=200)
def test_grams_equal_plain_python(texts: list[str]) -> None:
    counts = repeats.count_repeated_grams(DocumentBatch.of_texts(texts).words)
    for row, text in zip(counts.tolist(), texts, strict=True):
        words = plain.split_words(text)
        top = [plain.top_gram(words, n) for n in range(2, 5)]
        assert row == top + [plain.repeated_grams(words, n) for n in range(5, 11)]


def test_the_first_of_equally_frequent_grams_counts() -> None:
    counts = repeats.count_repeated_grams(DocumentBatch.of_texts(["a bb x ccc dddd y a bb z ccc dddd"]).words)
    assert counts[0, 0] == 2 * len("a bb")


def test_a_found_gram_is_jumped_over() -> None:
    five = "one two six ten red"
    counts = repeats.count_repeated_grams(DocumentBatch.of_texts([f"{five} {five} {five}"]).words)
    assert counts[0, 3] == 2 * len(five.replace(" ", ""))


def test_words_that_join_to_the_same_letters_are_different_grams() -> None:
    """datatrove joins the words of n-grams from 5 on by nothing, and takes these two for one: the one
    difference."""
    text = "ab c d e f | a bc d e f"
    counts = repeats.count_repeated_grams(DocumentBatch.of_texts([text]).words)
    assert counts[0, 3] == 0
