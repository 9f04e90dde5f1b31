"""Where words are used: one use a document, passages that hold the word where they say, hostile text and all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.embedding.uses import AFTER_CHARS, BEFORE_CHARS, find_uses, plain_words, use_in


def test_a_document_gives_one_use_and_a_word_no_more_than_asked() -> None:
    texts = [("web", "the bank, the bank and a Bank"), ("books", "a bank."), ("web", "no bank but banks")]
    found = find_uses(texts, {"bank": 2, "river": 5})
    assert found.counts == {"bank": 5}
    assert [(use.label, use.text[use.start : use.stop]) for use in found.found["bank"]] == [
        ("web", "bank"),
        ("books", "bank"),
    ]


def test_only_whole_words_after_a_space_count() -> None:
    text = "bank\nbank (bank banker bank2 river-bank\tbank xbank"
    assert not find_uses([("web", text)], {"bank": 9}).counts


def test_passages_stay_on_their_line_and_end_between_words() -> None:
    text = "first line\n" + "before " * 200 + "the bank " + "behind " * 200 + "\nlast line"
    start = text.index("bank")
    use = use_in(text, start, start + 4, "web")
    assert use.text[use.start : use.stop] == "bank" and "line" not in use.text
    assert use.text.startswith("before") and use.text.endswith("behind")
    assert use.start <= BEFORE_CHARS and len(use.text) - use.stop <= AFTER_CHARS


@given(st.text(alphabet=" \nab\u202e<'é", max_size=700), st.integers(0, 700))
def test_a_use_holds_its_word_whatever_is_around_it(text: str, place: int) -> None:
    whole = f"{text[:place]} Bank {text[place:]}"
    use = find_uses([("web", whole)], {"bank": 1}).found["bank"][0]
    assert use.text[use.start - 1 : use.stop] == " Bank" and use.text in whole and "\n" not in use.text


def test_the_skip_gram_reads_words_in_lower_case() -> None:
    assert plain_words("The Bank's 2 well-known <b>rules</b>, naïve!") == "the bank's well-known b rules b naïve"
