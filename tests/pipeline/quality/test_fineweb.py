"""FineWeb's own rules: definitions by hand, the limits themselves, empty text."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.quality.fineweb import SIGNALS, FineWebConfig
from tests.pipeline.quality.pages import judge, prose


def failed(text: str | None, **settings: Any) -> list[str]:
    rules: list[str] = judge(FineWebConfig(**settings).stages(), text).table["failed_rules"].to_pylist()[0]
    return rules


def signals(text: str | None, **settings: Any) -> dict[str, Any]:
    row: dict[str, Any] = judge(FineWebConfig(**settings).stages(), text).table.to_pylist()[0]
    return row


def test_good_prose_stays() -> None:
    assert failed(prose(8)) == []


def test_by_hand() -> None:
    row = signals("One two three.\nfour\n \nfour\n\nfive! \n" + "x" * 31)
    assert row["punctuated_line_frac"] == 1 / 5  # white space hides the mark of "five! "
    assert row["short_line_frac"] == 4 / 5
    assert row["dup_filled_line_chars_frac"] == 4 / (14 + 4 + 1 + 4 + 6 + 31)
    assert row["newline_word_frac"] == 6 / (4 + 1 + 1 + 2 + 1)


@pytest.mark.parametrize(
    ("text", "rule", "knob", "limit"),
    [
        (
            "\n".join(["a."] * 3 + ["a"] * 22),
            "fineweb.punctuated_line_frac",
            "min_punctuated_line_frac",
            0.12,
        ),
        ("\n".join(["a"] * 67 + ["b" * 31] * 33), "fineweb.short_line_frac", "max_short_line_frac", 0.67),
        (
            "\n".join(["ab", "ab", "c" * 16]),
            "fineweb.dup_filled_line_chars_frac",
            "max_dup_line_chars_frac",
            0.1,
        ),
        ("a b c d e f g\nh\ni\nj", "fineweb.newline_word_frac", "max_newline_word_frac", 0.3),
    ],
)
def test_limits_are_inclusive(text: str, rule: str, knob: str, limit: float) -> None:
    assert signals(text)[rule.removeprefix("fineweb.")] == limit
    assert rule not in failed(text, **{knob: limit})
    assert rule in failed(text, **{knob: limit + (1e-9 if knob.startswith("min") else -1e-9)})
    assert rule not in failed(text, **{knob: None})


def test_short_is_what_the_recipe_says() -> None:
    assert signals("a" * 30 + "\n" + "b" * 31)["short_line_frac"] == 0.5
    assert signals("a" * 30 + "\n" + "b" * 31, short_line_chars=31)["short_line_frac"] == 1


@pytest.mark.parametrize("text", [None, "", " \n \n"])
def test_text_without_lines_is_not_measured_and_fails(text: str | None) -> None:
    row = signals(text)
    assert all(row[name] is None for name in SIGNALS.names)
    assert len(failed(text)) == 4


def test_other_scripts_end_their_sentences_too() -> None:
    assert signals("这是一个句子。\nयह एक वाक्य है।\nهل هذا سؤال؟\nno")["punctuated_line_frac"] == 0.75
