"""C4's rules: lines removed, citations cut, pages judged by what is left."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.batch import DocumentBatch
from pipeline.quality.c4 import C4Config
from tests.pipeline.quality.pages import judge, prose

GOOD = prose(6)


def after(text: str, **settings: Any) -> dict[str, Any]:
    row: dict[str, Any] = judge(C4Config(**settings).stages(), text).table.to_pylist()[0]
    return row


def test_good_prose_stays_as_it_is() -> None:
    row = after(GOOD)
    assert (row["text"], row["dropped_by"], row["sentence_count"], row["kept_text_frac"]) == (
        GOOD,
        None,
        6,
        1,
    )


@pytest.mark.parametrize(
    ("line", "signal"),
    [
        ("Home page", "few_word_line_count"),
        ("Please enable JavaScript to see it.", "javascript_line_count"),
        ("We have a Privacy Policy for you.", "policy_line_count"),
        ("This site uses cookies, as all do.", "policy_line_count"),
        ("A word too long: " + "x" * 1001, "long_word_line_count"),
    ],
)
def test_lines_that_go(line: str, signal: str) -> None:
    row = after(f"{GOOD}\n{line}\n{GOOD}")
    assert row["text"] == f"{GOOD}\n{GOOD}"
    assert (row["line_count"], row[signal], row["dropped_by"]) == (13, 1, None)
    assert row["kept_text_frac"] < 1


def test_a_word_of_a_thousand_characters_is_no_reason() -> None:
    assert after(f"{GOOD}\nAs long as may be: {'x' * 1000}")["long_word_line_count"] == 0


def test_terminal_punctuation_is_asked_for_on_request() -> None:
    text = f'{GOOD}\na line without an end\nand one that trails off...\nbut he said "yes"'
    assert after(text)["text"] == text
    row = after(text, terminal_punctuation=True)
    assert row["text"] == f'{GOOD}\nbut he said "yes"'
    assert row["unterminated_line_count"] == 2


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("Lorem Ipsum dolor sit amet.", "c4.lorem_ipsum_count"),
        ("if (a) { return b; }", "c4.curly_bracket_count"),
    ],
)
def test_pages_that_go(line: str, rule: str) -> None:
    row = after(f"{GOOD}\n{line}")
    assert row["failed_rules"] == [rule]
    assert line in row["text"]
    knob = f"max_{rule.removeprefix('c4.').removesuffix('_count')}".replace("bracket", "brackets")
    assert after(f"{GOOD}\n{line}", **{knob: None})["dropped_by"] is None
    assert after(f"{GOOD}\n{line}", **{knob: 1})["dropped_by"] is None


def test_a_line_removed_for_another_cause_speaks_against_no_page() -> None:
    assert after(f"{GOOD}\n{{ }}\njavascript a {{ b }}")["dropped_by"] is None


@pytest.mark.parametrize(("sentences", "kept"), [(4, False), (5, True)])
def test_fewest_sentences(sentences: int, kept: bool) -> None:
    row = after(prose(sentences))
    assert row["sentence_count"] == sentences
    assert (row["dropped_by"] is None) == kept


def test_sentences_are_those_of_the_lines_that_stay() -> None:
    assert after(prose(4) + "\nTwo words.\nAll about javascript here.")["sentence_count"] == 4


def test_citations_are_cut_unless_kept() -> None:
    text = "A fact is cited here.[12] Another one too.[citation needed]"
    assert after(text)["text"] == "A fact is cited here. Another one too."
    assert after(text, remove_citations=False)["text"] == text


@pytest.mark.parametrize("text", [None, "", "\n\n", "one two"])
def test_nothing_left(text: str | None) -> None:
    row = judge(C4Config().stages(), text).table.to_pylist()[0]
    assert row["text"] == ""
    assert row["failed_rules"] == ["c4.sentence_count"]


def test_texts_keep_their_places_in_the_batch() -> None:
    verdicts = judge(C4Config().stages(), GOOD, None, "one two", prose(7))
    assert verdicts.table["text"].to_pylist() == [GOOD, "", "", prose(7)]


def test_what_was_computed_of_the_old_text_is_gone() -> None:
    batch = DocumentBatch.of_texts([f"{GOOD}\nHome page"])
    before = len(batch.words.hashes)
    columns = C4Config().stages()[0].compute(batch)
    assert len(batch.with_columns(columns).words.hashes) == before - 2
