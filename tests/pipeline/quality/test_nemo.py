"""NeMo Curator's heuristics: beside its own functions, by hand, at the limit."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.quality.nemo import NemoConfig
from tests.pipeline.quality.pages import judge, prose

ELLIPSES = {"...", "[...]", "…", "(...)", "[…]", "-»", "read more..", "read more"}
BULLETS = set("•‣⁃⁌⁍∙○●◘◦⦾⦿")
COMMON = {"the", "be", "to", "of", "and", "that", "have", "with"}
URL = re.compile(r"http[s]?://(?:[a-zA-Z]|[0-9]|[$-_@.&+]|[!*\(\),]|(?:%[0-9a-fA-F][0-9a-fA-F]))+")


def row(text: str | None, **keys: Any) -> dict[str, Any]:
    found: dict[str, Any] = judge(NemoConfig(**keys).stages(), text).table.to_pylist()[0]
    return found


def published(text: str) -> dict[str, float]:
    """The scores of NeMo Curator's filters for a text with words and lines (`filters/heuristic_filter.py`, 0b93eed)."""
    n, words, paragraphs = len(text), text.split(), text.split("\n\n")
    lines = [line for line in text.split("\n") if line.strip()]
    ends = [line.strip() for line in lines]
    return {
        "odd_char_frac": (n - len(re.findall("[a-zA-Z0-9\n?!,.]", text))) / n,
        "symbol_word_frac": sum(w in ELLIPSES or len(re.findall("#+", w)) / len(w) > 0.5 for w in words) / len(words),
        "digit_char_frac": len(re.findall(r"\d", text)) / n,
        "url_char_frac": sum(len(url) for url in URL.findall(text)) / n,
        "blank_char_frac": sum(c in "\t\n\r\b " for c in text) / n,
        "bracket_char_frac": len(re.findall(r"{|}|⟨|⟩|\[|\]|\(|\)", text)) / n,
        "boilerplate_paragraph_frac": published_boilerplate(paragraphs),
        "unique_line_frac": len(set(lines)) / len(lines),
        "unique_paragraph_frac": len(set(paragraphs)) / len(paragraphs),
        "unique_line_char_frac": len("".join(set(lines))) / len("".join(lines)),
        "unique_paragraph_char_frac": len("".join(set(paragraphs))) / len("".join(paragraphs)),
        "spaced_word_count": len(words),
        "unended_line_frac": sum(not line.endswith((".", "?", "!", '"', "'")) for line in ends) / len(lines),
        "letter_word_frac": sum(any(c.isalpha() for c in word) for word in words) / len(words),
        "common_word_count": sum(word in COMMON for word in words),
        "mean_spaced_word_chars": sum(map(len, words)) / len(words),
        "longest_word_chars": max(map(len, words)),
        "trailing_line_frac": sum(any(e.lower().endswith(m) for m in ELLIPSES) for e in ends) / len(lines),
        "listed_line_frac": sum(any(e.startswith(b) for b in BULLETS) for e in ends) / len(lines),
    }


def published_boilerplate(paragraphs: list[str]) -> float:
    phrases = NemoConfig().boilerplate
    lowered = [paragraph.strip().lower() for paragraph in paragraphs]
    if any("lorem ipsum" in paragraph for paragraph in lowered):
        return 1.0
    return sum(any(phrase in paragraph for phrase in phrases) for paragraph in lowered) / len(paragraphs)


PIECES = (
    "the", "a town", "with", "# #", "##", "...", "[...]", "(see)", "{x}", "12 of 34", "https://a.b/c?d=%20e",
    "http://x http://y/http://z", "Privacy Policy", "Use Cookies", "privacy & cookies policy", "lorem ipsum", "• one",
    "read more", "Read more..", "end.", "so?", '"yes"', "\n", "\n\n", "\n\n\n", "\t", "\r\n", "é", "x" * 1001,
    "go on -»",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=30).map(" ".join).filter(lambda text: text.strip()))
@settings(deadline=None, max_examples=300)
def test_same_scores_as_published(text: str) -> None:
    found = row(text)
    assert {name: found[name] for name in published(text)} == pytest.approx(published(text), abs=1e-12)


def test_prose_stays() -> None:
    assert row("\n\n".join(prose(9).split("\n")))["failed_rules"] == []


LINES = "\n".join(f"line {i} ends here" for i in range(20))


@pytest.mark.parametrize(
    ("text", "signal", "knob", "limit"),
    [
        ("a" * 15 + "/" * 5, "odd_char_frac", "max_odd_char_frac", 0.25),
        ("a" * 17 + "1" * 3, "digit_char_frac", "max_digit_char_frac", 0.15),
        ("http://abc" + " a" * 20, "url_char_frac", "max_url_char_frac", 0.2),
        ("aaa " * 4, "blank_char_frac", "max_blank_char_frac", 0.25),
        ("a" * 18 + "()", "bracket_char_frac", "max_bracket_char_frac", 0.1),
        ("# " + "a " * 9, "symbol_word_frac", "max_symbol_word_frac", 0.1),
        ("1 a a a a", "letter_word_frac", "min_letter_word_frac", 0.8),
        ("terms of use\n\nx\n\nuse cookies\n\ny\n\nz", "boilerplate_paragraph_frac",
         "max_boilerplate_paragraph_frac", 0.4),
        ("\n".join([*"abcdefg", "a", "a", "a"]), "unique_line_frac", "min_unique_line_frac", 0.7),
        ("\n\n".join([*"abcdefg", "a", "a", "a"]), "unique_paragraph_frac", "min_unique_paragraph_frac", 0.7),
        ("ab\nab\ncdefgh", "unique_line_char_frac", "min_unique_line_char_frac", 0.8),
        ("ab\n\nab\n\ncdefgh", "unique_paragraph_char_frac", "min_unique_paragraph_char_frac", 0.8),
        (LINES.replace("here", "here.", 3), "unended_line_frac", "max_unended_line_frac", 0.85),
        ("\n".join(["on..."] * 3 + ["a"] * 7), "trailing_line_frac", "max_trailing_line_frac", 0.3),
        ("\n".join(["• a"] * 9 + ["a"]), "listed_line_frac", "max_listed_line_frac", 0.9),
        ("a " * 50, "spaced_word_count", "min_words", 50),
        ("a" * 1000, "longest_word_chars", "max_word_chars", 1000),
        ("abc abc", "mean_spaced_word_chars", "min_mean_word_chars", 3),
        ("the the", "common_word_count", "min_common_words", 2),
    ],
)  # fmt: skip
def test_limits_are_inclusive(text: str, signal: str, knob: str, limit: float) -> None:
    rule = f"nemo.{signal}"
    assert row(text)[signal] == limit
    assert rule not in row(text, **{knob: limit})["failed_rules"]
    tighter = limit + (1 if limit > 1 else 1e-9) * (1 if knob.startswith("min") else -1)
    assert rule in row(text, **{knob: tighter})["failed_rules"]
    assert rule not in row(text, **{knob: "off"})["failed_rules"]


@pytest.mark.parametrize("text", [None, ""])
def test_of_nothing_no_share_is_measured(text: str | None) -> None:
    found = row(text)
    assert found["odd_char_frac"] is None and found["unique_paragraph_frac"] is None
    assert found["spaced_word_count"] == 0.0
    assert found["failed_rules"]
