"""RefinedWeb's line corrections: by hand, at the limit, and beside DCLM's own steps."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.quality.lines import LinesConfig
from tests.pipeline.quality.pages import judge, prose

MENU = "MENU\n3 likes\n2024\nHome\nSign-in\n2 items in cart\nRead more about it read more..."


def row(text: str | None, **keys: Any) -> dict[str, Any]:
    found: dict[str, Any] = judge(LinesConfig(**keys).stages(), text).table.to_pylist()[0]
    return found


def dclm(text: str) -> str:
    """DCLM's steps in its order (baselines_configs/dclm_baseline_refinedweb.yaml; mappers/modifiers.py, 15af3ce)."""
    nouns = "likes|shares|comments|retweets|reposts|quotes|bookmarks|upvotes|downvotes|downloads|views|followers"
    counter = re.compile(rf"^\W*\d(?:,|\.|\d)*(?:K|k|M|m|B|b)?\s+(?:{nouns})\W*$")
    steps = (
        lambda line: not line or sum(c.isupper() for c in line) / len(line) <= 0.5,
        lambda line: not line or sum(c.isdigit() for c in line) / len(line) <= 0.999999,
        lambda line: not counter.search(line.lower()),
        lambda line: len(line.split()) >= 2 or not line,
    )
    for keeps in steps:
        text = "\n".join(line for line in text.split("\n") if keeps(line)).strip()
    for pattern in (r"\s?(?:items in cart)", r"\s?(?:read more...)$", r"^(?:sign-in)\s?"):
        text = dclm_substring(text, re.compile(pattern, re.IGNORECASE))
    return text


def dclm_substring(text: str, pattern: re.Pattern[str]) -> str:
    lines = []
    for line in text.split("\n"):
        if len(line.split()) <= 10:
            modified = pattern.sub("", line)
            if line and (not modified or modified.isspace()):
                continue
            line = modified
        lines.append(line)
    return "\n".join(lines).strip()


def dclm_words(text: str) -> int:
    return sum(word[0].isalnum() for word in text.split())


LINES = (
    "A line of plain text that says something.", "The HARBOUR town IS old", "HOME NEWS ABOUT", "AbCd", "ABcd",
    "3 likes", "12,345 views!", "1.2k followers", "about 3 likes", "2024", "20 24", "one", "two words", "",
    "Sign-in to go on", "sign-in", "You have 2 items in cart", "items in cart 3", "Read more...",
    "And so on read more...",
    "read more", "eleven words make a line too long for phrases like sign-in", "Sign-in items in cart read more...",
)  # fmt: skip


@given(st.lists(st.sampled_from(LINES), max_size=12).map("\n".join))
@settings(deadline=None, max_examples=300)
def test_same_text_and_share_as_dclm(text: str) -> None:
    found, expected = row(text), dclm(text)
    assert found["text"] == expected
    words = dclm_words(text)
    share = (words - dclm_words(expected)) / words if words else None
    assert found["removed_word_frac"] == share


def test_dclm_strips_between_the_steps_and_we_at_the_end() -> None:
    text = "MENU\n 42\nTwo words."
    assert dclm(text) == "Two words."  # stripped after MENU went, " 42" is all digits
    assert row(text)["numeral_line_count"] == 0
    assert row(text)["short_line_count"] == 1  # the line goes all the same


def test_letters_of_unspaced_scripts_are_words() -> None:
    text = "这是一个很好的句子。\n第二行也在这里。"
    assert dclm(text) == ""  # to DCLM each line is one word
    assert row(text)["text"] == text


def test_prose_is_left_alone() -> None:
    found = row(prose(9))
    assert (found["text"], found["removed_word_frac"], found["failed_rules"]) == (prose(9), 0.0, [])


def test_a_menu_goes_and_the_page_with_it() -> None:
    found = row(prose(4) + "\n" + MENU)
    assert found["text"] == prose(4) + "\n2\nRead more about it"
    assert found["failed_rules"] == ["lines.removed_word_frac"]
    assert [found[f"{what}_line_count"] for what in ("capital", "counter", "numeral", "short", "button")] == [
        1,
        1,
        1,
        2,
        0,
    ]


def test_the_limit_itself_passes() -> None:
    text = "\n".join(["three common words"] * 19 + ["one"] * 3)  # 3 of 60 words
    assert row(text)["removed_word_frac"] == 0.05
    assert row(text)["failed_rules"] == []
    assert row(text + "\none")["failed_rules"] == ["lines.removed_word_frac"]
    assert row(text + "\none", max_removed_word_frac="off")["failed_rules"] == []


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"max_capital_frac": None}, "HOME NEWS"),
        ({"max_numeral_frac": None, "min_words_per_line": None}, "2024"),
        ({"remove_counters": False}, "3 likes"),
        ({"min_words_per_line": None}, "one"),
        ({"end_phrases": ()}, "He read more..."),
    ],
)
def test_every_correction_can_be_switched_off(keys: dict[str, Any], line: str) -> None:
    assert row(prose(2) + "\n" + line)["text"] != prose(2) + "\n" + line
    assert row(prose(2) + "\n" + line, **keys)["text"] == prose(2) + "\n" + line


@pytest.mark.parametrize("text", [None, "", " \n", "!!! ???\n..."])
def test_without_words_nothing_is_measured(text: str | None) -> None:
    assert row(text)["removed_word_frac"] is None
    assert row(text)["failed_rules"] == ["lines.removed_word_frac"]
