"""Words as a language model sees them: equal to plain Python, and what they are by example."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.batch import DocumentBatch
from pipeline.kernels.hashing import hash_text
from pipeline.kernels.spellings import ALONE, DROPPED, END, LETTER, LINE, SPACE, spell
from pipeline.quality.kenlm_model import sentences_of
from pipeline.quality.normalise import NORMALISATIONS, TABLE_SIZE, normalise, normalise_text, spelling_table
from tests.pipeline.kernels.texts import hard_texts


def plain_sentences(text: str, normalisation: str) -> list[list[str]]:
    """The sentences of a text, character by character."""
    become, kind_of = NORMALISATIONS[normalisation]
    lines: list[list[str]] = [[]]
    word = ""
    for character in [*text, "\n"]:
        in_table = ord(character) < TABLE_SIZE
        for c in become(character) if in_table else character:
            kind = kind_of(c) if in_table else ALONE
            if kind == LETTER:
                word += c
                continue
            if kind == DROPPED:
                continue
            lines[-1] += [word] if word else []
            word = ""
            if kind == ALONE:
                lines[-1].append(c)
            elif kind == LINE:
                lines.append([])
            else:
                assert kind == SPACE
    return [line for line in lines if line]


@given(st.lists(hard_texts(), max_size=4), st.sampled_from(sorted(NORMALISATIONS)))
@settings(deadline=None, max_examples=200)
def test_words_equal_plain_python(texts: list[str], normalisation: str) -> None:
    utf8 = DocumentBatch.of_texts(texts).utf8
    table = spelling_table(normalisation)
    spelled = spell(utf8.data, utf8.offsets, table, letters=True)
    expected = [plain_sentences(text, normalisation) for text in texts]
    flat = [[word for line in lines for word in [*line, ""]] for lines in expected]
    words = ["".join(map(chr, spelled.points[a:b])) for a, b in zip(spelled.starts, spelled.starts[1:], strict=False)]
    assert words == [word for document in flat for word in document]
    assert np.diff(spelled.doc_offsets).tolist() == [len(document) for document in flat]
    assert spelled.hashes.tolist() == [int(hash_text(word)) if word else int(END) for word in words]
    bare = spell(utf8.data, utf8.offsets, table)
    assert bare.hashes.tolist() == spelled.hashes.tolist() and not len(bare.points)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don’t STOP — at 3.14%…", "don ' t stop - at 0 . 00 % . . ."),
        ("Éclair Ωmega naïve", "eclair ωmega naive"),
        ("中文。", "中 文 ."),
        ("한국어 word", "한국어 word"),
        ("a\u00adb\x00c", "abc"),
        ("\U00020000\U0001f389", "\U00020000 \U0001f389"),
    ],
)
def test_words_by_example(text: str, words: str) -> None:
    assert sentences_of(text) == [words.split()]


def test_lines_are_sentences_and_blank_ones_are_none() -> None:
    assert sentences_of("One.\n\n \nTwo") == [["one", "."], ["two"]]
    assert sentences_of("") == sentences_of("\n \n") == []


def test_a_page_as_cc_net_normalises_it() -> None:
    assert normalise_text(" Señor “X”\nhad 25 ") == 'senor "x"had 00'
    assert normalise("—") == " - "
