"""Characters and words: equal to plain Python, and what they are by example."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.batch import DocumentBatch
from pipeline.kernels import words as kinds
from pipeline.kernels.characters import Characters, byte_at
from pipeline.kernels.chunks import ANYWHERE, SHAPE
from pipeline.kernels.classes import ALNUM, ALPHA, BULLETS, PREFIX, SUFFIX, class_table, coded, coding
from pipeline.kernels.hashing import hash_bytes, hash_text
from pipeline.kernels.lines import ASKED
from pipeline.kernels.pieces import Pieces
from tests.pipeline.kernels import plain
from tests.pipeline.kernels.texts import hard_texts


def words_of(batch: DocumentBatch) -> list[list[str]]:
    """The words, cut from the text without its white space by their lengths."""
    words, found = batch.words, []
    for text, a, b in zip(batch.texts, words.doc_offsets, words.doc_offsets[1:], strict=False):
        letters, ends = "".join(text.split()), np.cumsum(words.chars[a:b])
        found.append([letters[end - size : end] for end, size in zip(ends, words.chars[a:b], strict=True)])
        assert "".join(found[-1]) == letters
    return found


def byte_starts(characters: Characters) -> list[int]:
    """Where each character begins in the UTF-8, and the end of the last."""
    count = len(characters.codes) + 1
    return [int(byte_at(characters.codes, characters.byte_index, place)) for place in range(count)]


@given(st.lists(hard_texts(), max_size=4))
@settings(deadline=None, max_examples=150)
def test_characters_are_those_of_the_text(texts: list[str]) -> None:
    batch = DocumentBatch.of_texts(texts)
    characters = batch.characters
    points = [ord(c) for text in texts for c in text]
    assert characters.codes.tolist() == coding().codes[points].tolist()
    starts = np.cumsum([0] + [len(c.encode()) for text in texts for c in text])
    assert byte_starts(characters) == starts.tolist()
    assert np.diff(characters.doc_offsets).tolist() == [len(text) for text in texts]


def test_characters_of_every_length_are_found_in_long_texts() -> None:
    """Runs of a script, longer than a block, and mixtures of all; documents begin and end anywhere in a block."""
    numbers = np.random.default_rng(0)
    scripts = ("aé", "ждлт", "中文字", "😀🎉", "a é", "é中", "é中😀a ", "😀a\n")
    texts = ["".join(numbers.choice(list(script), size)) for size in (1, 63, 64, 65, 200) for script in scripts]
    batch = DocumentBatch.of_texts(texts)
    wanted = np.cumsum([0] + [len(c.encode()) for text in texts for c in text])
    assert byte_starts(batch.characters) == wanted.tolist()
    whole = np.arange(0, len("".join(texts)) + 1, 7)  # and where pieces of it lie
    pieces = Pieces(
        whole[:-1].astype(np.int32), whole[1:].astype(np.int32), np.zeros(len(whole) - 1, np.bool_),
        np.array([0] * len(texts) + [len(whole) - 1]),
    )  # fmt: skip
    made = batch.of_pieces(pieces)
    assert made.texts == [""] * (len(texts) - 1) + ["".join(texts)[: whole[-1]]]
    assert byte_starts(made.characters) == wanted[: whole[-1] + 1].tolist()


@given(st.lists(hard_texts(), max_size=4))
@settings(deadline=None, max_examples=400)
def test_words_equal_plain_python(texts: list[str]) -> None:
    batch = DocumentBatch.of_texts(texts)
    expected = [plain.split_words(text) for text in texts]
    assert words_of(batch) == expected
    assert kinds.count_words(batch.characters, batch.chunks).tolist() == batch.words.per_chunk.tolist()
    assert batch.words.per_chunk.tolist() == [len(plain.split_words(chunk)) for text in texts for chunk in text.split()]
    flat = [word for words in expected for word in words]
    assert batch.words.hashes.tolist() == [hash_bytes(word) for word in flat]
    for bit, holds in (
        (kinds.HAS_ALPHA, lambda word: any(map(plain.is_alpha, word))),
        (kinds.ALL_SYMBOLS, lambda word: all(map(plain.is_symbol, word))),
    ):
        assert ((batch.words.kinds & bit) != 0).tolist() == [holds(word) for word in flat]


def test_chunks_of_every_length_are_found_at_every_place() -> None:
    """Blocks of 64 characters and parts of eight end anywhere in them."""
    numbers = np.random.default_rng(0)
    texts = [
        "".join(numbers.choice(list("ab,9.\u4e00"), length)) + " \n"[length % 2] * (1 + place % 3)
        for place in range(70)
        for length in range(1, 25, 1 + place % 5)
    ]
    batch = DocumentBatch.of_texts(["", "".join(texts), " " * 130, " ".join(texts)[:-3], "x" * 200])
    chunks, whole = batch.chunks, "".join(batch.texts)
    spans = list(zip(chunks.starts.tolist(), chunks.ends.tolist(), strict=True))
    assert [whole[start:end] for start, end in spans] == [chunk for text in batch.texts for chunk in text.split()]
    assert np.diff(chunks.doc_offsets).tolist() == [len(text.split()) for text in batch.texts]
    for (start, end), kind in zip(spans, chunks.kinds.tolist(), strict=True):
        first, *_ = classes = batch.characters.classes[batch.characters.codes[start:end]]
        before_last = np.bitwise_or.reduce(classes[:-1])
        wanted = (before_last | classes[-1]) & ANYWHERE | before_last & PREFIX | first & ALNUM
        assert kind & ~SHAPE == wanted
        if kind & SHAPE:
            assert kind & SHAPE == len(plain.split_words(whole[start:end]))


def test_a_code_stands_for_every_class_of_its_characters() -> None:
    codes, classes = coding()
    table = class_table()
    assert np.array_equal(classes[codes[: len(table)]], table)
    assert set(classes[codes[len(table) :]]) == {table[-1]}
    assert codes[:128].tolist() == list(range(128))
    for character in "’…»–—" + BULLETS:  # kernels ask for these by name
        assert np.count_nonzero(codes == coded(character)[0]) == 1


def test_no_letter_is_a_mark_at_a_words_end() -> None:
    """Of a plain word with a mark after it, the letters are the word's."""
    _, classes = coding()
    assert not np.any(classes[classes & ALPHA != 0] & SUFFIX)


def test_a_batch_may_have_more_words_than_most() -> None:
    texts = ["one word", *["!?" * 300] * 4, "one word", "a b " * 200]
    assert words_of(DocumentBatch.of_texts(texts)) == [plain.split_words(text) for text in texts]


@given(hard_texts(), hard_texts())
@settings(deadline=None, max_examples=60)
def test_words_do_not_depend_on_their_neighbours_in_the_batch(first: str, second: str) -> None:
    together = DocumentBatch.of_texts([first, second]).words
    alone = [DocumentBatch.of_texts([text]).words for text in (first, second)]
    assert together.hashes.tolist() == [h for words in alone for h in words.hashes.tolist()]
    assert together.kinds.tolist() == [k for words in alone for k in words.kinds.tolist()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Don't do it—it's the U.S., e.g. \"this\"...",
            "Do n't do it — it 's the U.S. , e.g. \" this \" ...",
        ),
        (
            "state-of-the-art a/b x,y end.Start foo_bar",
            "state - of - the - art a / b x , y end . Start foo_bar",
        ),
        ("$5.00 10% 5km 3+4 (C++)", "$ 5.00 10 % 5 km 3 + 4 ( C++ )"),
        (
            "see http://example.org/a-b?c=d, or a@example.org.",
            "see http://example.org/a-b?c=d , or a@example.org .",
        ),
        ("中文分词。 ひらがな", "中 文 分 词 。 ひ ら が な"),
        ("カタカナ 한국어 русский", "カタカナ 한국어 русский"),
        ("שלום, עולם! مرحبا بالعالم؟", "שלום , עולם ! مرحبا بالعالم ؟"),
        ("ไทย กำ", "ไ ท ย ก ำ"),
        ("cannot dont id and/or :)", "cannot dont id and / or : )"),  # spaCy: can not, do nt, i d, and/or, :)
        (" \n\t ", ""),
    ],
)
def test_words_by_example(text: str, expected: str) -> None:
    assert words_of(DocumentBatch.of_texts([text])) == [expected.split()]


def test_null_texts_have_no_words() -> None:
    batch = DocumentBatch.of_texts([None, "one", None])  # type: ignore[list-item]
    assert words_of(batch) == [[], ["one"], []]


def test_hashes_are_the_same_on_every_machine() -> None:
    assert hash_bytes("word") == DocumentBatch.of_texts(["a word"]).words.hashes[1]
    assert hash_bytes("word") == 0xE92AB5FC63869726
    assert hash_text("word") == 0xF90BA9A629D4DE95


@given(st.lists(hard_texts(), min_size=1, max_size=4))
@settings(deadline=None, max_examples=150)
def test_lines_know_what_is_asked_of_them(texts: list[str]) -> None:
    texts = ["x" * 70 + text + "\r" * (len(text) % 2) for text in texts] + texts  # in and after a block of 64
    lines, (codes, classes) = DocumentBatch.of_texts(texts).lines, coding()
    wanted = [
        int(np.bitwise_or.reduce(classes[codes[[ord(c) for c in line]]])) & ASKED if line else 0
        for text in texts
        for line in text.split("\n")
    ]
    assert lines.seen.tolist() == wanted
