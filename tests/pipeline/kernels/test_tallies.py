"""Counts over words and lines: equal to plain Python."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.batch import DocumentBatch
from pipeline.kernels import tallies
from pipeline.kernels.hashing import hash_bytes
from tests.pipeline.kernels import plain
from tests.pipeline.kernels.texts import hard_texts

LISTED = ("the", "of", "x")


@given(st.lists(hard_texts(), max_size=4))
@settings(deadline=None, max_examples=150)
def test_word_kinds_equal_plain_python(texts: list[str]) -> None:
    listed = np.array([hash_bytes(word) for word in LISTED], np.uint64)
    counts = tallies.count_word_kinds(DocumentBatch.of_texts(texts).words, listed)
    for row, text in zip(counts.tolist(), texts, strict=True):
        words = plain.split_words(text)
        real = [word for word in words if not all(map(plain.is_symbol, word))]
        alpha = [word for word in words if any(map(plain.is_alpha, word))]
        assert row == [len(words), len(real), len("".join(real)), len(alpha), len(set(words) & set(LISTED))]


@given(st.lists(hard_texts(), max_size=4))
@settings(deadline=None, max_examples=150)
def test_marks_equal_plain_python(texts: list[str]) -> None:
    batch = DocumentBatch.of_texts(texts)
    counts = tallies.count_marks(*batch.utf8, batch.characters, batch.lines)
    for row, text in zip(counts.tolist(), texts, strict=True):
        lines = text.splitlines()
        bullets, trailing = sum(map(plain.begins_with_bullet, lines)), sum(map(plain.ends_in_ellipsis, lines))
        ellipses = text.count("...") + text.count("…")
        assert row == [text.count("#"), ellipses, len(lines), bullets, trailing]


@given(st.lists(hard_texts(), max_size=4), st.integers(0, 40))
@settings(deadline=None, max_examples=150)
def test_line_shapes_equal_plain_python(texts: list[str], short: int) -> None:
    batch = DocumentBatch.of_texts(texts)
    counts = tallies.count_line_shapes(batch.characters, batch.lines, short)
    for row, text in zip(counts.tolist(), texts, strict=True):
        lines = plain.filled_lines(text)
        terminal = sum(plain.is_terminal(line[-1]) for line in lines)
        assert row == [len(lines), terminal, sum(len(line) <= short for line in lines)]


@given(st.lists(hard_texts(), max_size=4))
@settings(deadline=None, max_examples=150)
def test_sentences_equal_plain_python(texts: list[str]) -> None:
    batch = DocumentBatch.of_texts(texts)
    counts = tallies.count_sentences(batch.characters, batch.chunks, batch.lines)
    assert counts.tolist() == [sum(map(plain.sentences, text.splitlines())) for text in texts]


def test_sentences_by_example() -> None:
    texts = [
        "Mr. Smith went. He came back!",
        'He said "Go." Then he left?!',
        "One\ntwo\n\nthree.",
        "...",
        "这是。那是。",
        "",
    ]
    batch = DocumentBatch.of_texts(texts)
    assert tallies.count_sentences(batch.characters, batch.chunks, batch.lines).tolist() == [2, 2, 3, 1, 2, 0]
