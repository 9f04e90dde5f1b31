"""Gopher's rules: definitions by hand, the limits themselves, empty and hostile text."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.quality.gopher import QUALITY_SIGNALS, REPETITION_SIGNALS, GopherConfig
from pipeline.stage import Stage
from tests.pipeline.quality.pages import judge, prose

GOOD = prose(12)


def signals(text: str | None) -> dict[str, Any]:
    row: dict[str, Any] = judge(GopherConfig().stages(), text).table.to_pylist()[0]
    return row


def only(name: str, **settings: Any) -> tuple[Stage, ...]:
    """Gopher with every rule off but those of the settings given."""
    off = {key: None for key in GopherConfig.model_fields if key.startswith(("min_", "max_"))}
    return GopherConfig(**{**off, **settings}).stages()


def test_good_prose_stays() -> None:
    assert judge(GopherConfig().stages(), GOOD).kept.tolist() == [True]


def test_repetition_by_hand() -> None:
    row = signals("aaaa\n\nbb\n\naaaa\nccc\n\n\nbb")
    chars = 23
    assert row["dup_paragraph_frac"] == 1 / 4  # aaaa, bb, "aaaa\nccc", bb
    assert row["dup_paragraph_chars_frac"] == 2 / chars
    assert row["dup_line_frac"] == 2 / 5
    assert row["dup_line_chars_frac"] == 6 / chars


def test_grams_by_hand() -> None:
    row = signals("one two one two one two.")
    assert row["top_2gram_chars_frac"] == 3 * 7 / 24
    assert row["top_3gram_chars_frac"] == 2 * 11 / 24
    assert row["dup_5gram_chars_frac"] == 0


def test_quality_by_hand() -> None:
    row = signals("- the #cat ... of 12\n• be…")
    # the words: - the # cat ... of 12 • be …
    assert row["word_count"] == 6  # • and 12 are no symbols in the code's list
    assert row["mean_word_chars"] == (3 + 3 + 2 + 2 + 1 + 2) / 6
    assert row["hash_word_frac"] == 1 / 10
    assert row["ellipsis_word_frac"] == 2 / 10
    assert row["bullet_line_frac"] == 1
    assert row["ellipsis_line_frac"] == 1 / 2
    assert row["alpha_word_frac"] == 4 / 10
    assert row["stop_word_count"] == 3


def test_stop_words_count_once_and_in_lower_case() -> None:
    assert signals("the the THE The of")["stop_word_count"] == 2


@pytest.mark.parametrize("text", [None, "", "   \n "])
def test_text_without_words_fails_every_rule_that_needs_them(text: str | None) -> None:
    verdict = judge(GopherConfig().stages(), text)
    assert verdict.table["mean_word_chars"].to_pylist() == [None]
    assert "gopher.mean_word_chars" in verdict.table["failed_rules"].to_pylist()[0]
    if not text:
        assert all(signals(text)[name] is None for name in REPETITION_SIGNALS.names)


@pytest.mark.parametrize(("words", "kept"), [(49, False), (50, True), (51, True)])
def test_fewest_words(words: int, kept: bool) -> None:
    text = " ".join(f"w{i}" for i in range(words)) + " ,,, ! ?"
    assert judge(only("word_count", min_words=50), text).kept.tolist() == [kept]


@pytest.mark.parametrize(
    ("text", "settings", "on_the_limit"),
    [
        ("# b c d e f g h i j", {"max_hash_word_frac": 0.1}, 0.1),
        ("… b c d e f g h i j", {"max_ellipsis_word_frac": 0.1}, 0.1),
        ("a b c d e f g h 1 2", {"min_alpha_word_frac": 0.8}, 0.8),
        ("aaa bbb ccc", {"min_mean_word_chars": 3}, 3),
        ("a" * 10, {"max_mean_word_chars": 10}, 10),
        ("\n".join(["- a"] * 9 + ["a"]), {"max_bullet_line_frac": 0.9}, 0.9),
        ("\n".join(["a…"] * 3 + ["a"] * 7), {"max_ellipsis_line_frac": 0.3}, 0.3),
        ("\n".join("abcdefgaaa"), {"max_dup_line_frac": 0.3}, 0.3),
        ("\n\n".join("abcdefgaaa"), {"max_dup_paragraph_frac": 0.3}, 0.3),
        ("the of", {"min_stop_words": 2}, 2),
    ],
)
def test_limits_are_inclusive(text: str, settings: dict[str, float], on_the_limit: float) -> None:
    ((knob, limit),) = settings.items()
    assert judge(only(knob, **settings), text).kept.tolist() == [True]
    (rule,) = (rule for stage in only(knob, **settings) for rule in stage.rules)
    assert signals(text)[rule.signal] == on_the_limit == limit
    beyond = limit + (1e-9 if knob.startswith("min") else -1e-9)
    assert judge(only(knob, **{knob: beyond if knob != "min_stop_words" else 3}), text).kept.tolist() == [False]


def test_every_signal_is_measured_after_a_failure_and_with_rules_off() -> None:
    row = judge(only(""), "# # #").table.to_pylist()[0]
    assert row["failed_rules"] == []
    assert all(
        row[name] is not None
        for name in (*REPETITION_SIGNALS.names, *QUALITY_SIGNALS.names)
        if name != "mean_word_chars"
    )


def test_every_rule_names_a_knob_that_exists() -> None:
    rules = [rule for stage in GopherConfig().stages() for rule in stage.rules]
    knobs = [key.removeprefix("gopher.") for rule in rules for key in rule.knob.split(", ")]
    limits = [key for key in GopherConfig.model_fields if key.startswith(("min_", "max_"))]
    assert sorted(knobs) == sorted(limits)
    assert all(rule.name == f"gopher.{rule.signal}" for rule in rules)


def test_stop_words_of_another_language() -> None:
    german = "der Fluss und die Stadt"
    stages = only("", min_stop_words=2), GopherConfig(stop_words=("der", "die", "und")).stages()
    assert judge(stages[0], german).kept.tolist() == [False]
    assert judge(stages[1], german).table["stop_word_count"].to_pylist() == [3]


def test_hostile_text() -> None:
    texts = ["a" * 200_000, "\n" * 10_000, ". " * 10_000, "a b " * 20_000, "\u0301" * 100, "\x00" * 50]
    verdicts = judge(GopherConfig().stages(), *texts)
    assert not verdicts.kept.any()
    assert verdicts.table["top_2gram_chars_frac"].to_pylist()[3] == pytest.approx(0.75, abs=1e-4)
