from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dedup.normalise import fold, fold_table, text_digest
from pipeline.kernels.folding import fold_words, mark_characters
from tests.pipeline.dedup import plain

ALL_CHARACTERS = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]


def fold_compiled(text: str, fold_numbers: bool = True) -> tuple[str, list[str]]:
    """The folded text, and its words by their marks."""
    data = np.frombuffer(text.encode(), np.uint8)
    out = np.zeros(3 * len(data) + 1, np.uint8)
    starts, ends = np.zeros(len(data) + 1, np.int32), np.zeros(len(data) + 1, np.int32)
    size, words = fold_words(data, 0, len(data), fold_table(), fold_numbers, out, starts, ends)
    marked = [bytes(out[starts[i] : ends[i]]).decode() for i in range(words)]
    return bytes(out[:size]).decode(), marked


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("", ""),
        (" \n\t ", ""),
        ("...!?", ""),
        ("Hello,  World!", "hello world"),
        ("Crème brûlée", "creme brulee"),
        ("3,141.59 and 42", "0 and 0"),
        ("well-known", "wellknown"),
        ("zero\u200bwidth soft\u00adhyphen", "zerowidth softhyphen"),
        ("ΟΔΟΣ οδος", "οδοσ οδοσ"),
        ("漢字かな", "漢 字 か な"),
        ("x漢y", "x 漢 y"),
        ("𠀀𠀁", "𠀀 𠀁"),
        ("١٢٣", "0"),
        ("İ", "i"),
        ("Straße", "strasse"),
    ],
)
def test_examples(text: str, folded: str) -> None:
    assert fold_compiled(text)[0] == folded


@settings(deadline=None)
@given(st.text(), st.booleans())
def test_kernel_equals_its_twin(text: str, fold_numbers: bool) -> None:
    expected = plain.fold_text(text, fold_numbers)
    assert fold_compiled(text, fold_numbers) == (expected, expected.split())


def test_every_character_folds_as_its_twin_says() -> None:
    text = "a".join(ALL_CHARACTERS)
    assert fold_compiled(text)[0] == plain.fold_text(text)


def test_no_character_grows_beyond_three_times_its_bytes() -> None:
    assert all(len(fold(c).encode()) <= 3 * len(c.encode()) for c in ALL_CHARACTERS)


def test_characters_are_marked() -> None:
    text = "é漢 a"
    data = np.frombuffer(text.encode(), np.uint8)
    starts, ends = np.zeros(len(data), np.int32), np.zeros(len(data), np.int32)
    count = mark_characters(data, len(data), starts, ends)
    assert [bytes(data[starts[i] : ends[i]]).decode() for i in range(count)] == list(text)


def test_a_text_cut_within_a_character_loses_only_that() -> None:
    data = np.frombuffer("ab漢".encode()[:-1], np.uint8)
    out, marks = np.zeros(64, np.uint8), np.zeros(64, np.int32)
    size, words = fold_words(data, 0, len(data), fold_table(), True, out, marks, marks.copy())
    assert (bytes(out[:size]), words) == (b"ab", 1)


def test_digest_ignores_white_space_and_nothing_else() -> None:
    assert text_digest(" a\n\nb ") == text_digest("a b") != text_digest("a B")
    assert text_digest("a b") != text_digest("a b.") and text_digest("1") != text_digest("2")


@settings(deadline=None)
@given(st.text())
def test_equal_digests_mean_equal_folding(text: str) -> None:
    spaced = text.replace(" ", " \n ")
    assert text_digest(spaced) == text_digest(text)
    assert fold_compiled(spaced) == fold_compiled(text)
