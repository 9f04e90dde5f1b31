"""Limits per language: rules and measurements of their own, limits switched off, mistakes."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from flows.recipe import Recipe, load_recipe
from pipeline.batch import DocumentBatch
from pipeline.judging import run_stages
from pipeline.quality.c4 import C4Config
from pipeline.quality.gopher import GopherConfig
from pipeline.quality.limits import Limits
from pipeline.stage import Rule
from storage.errors import UserError

GERMAN = {"min_words": 3, "max_mean_word_chars": "off", "stop_words": ["der", "und"], "min_stop_words": 1}


def judge(section: Limits, texts: list[str], languages: list[str | None]) -> list[dict[str, Any]]:
    columns = {"text": pa.array(texts), "language": pa.array(languages, pa.string())}
    rows: list[dict[str, Any]] = run_stages(DocumentBatch(columns), section.stages()).table.to_pylist()  # type: ignore[attr-defined]
    return rows


def rules(section: GopherConfig) -> dict[str, Rule]:
    return {rule.name: rule for stage in section.stages() for rule in stage.rules}


def test_a_language_gets_a_rule_only_where_its_limit_differs() -> None:
    found = rules(GopherConfig(per_language={"de": GERMAN}))
    assert found["gopher.word_count"].not_languages == ("de",)
    german = found["gopher.word_count.de"]
    assert (german.low, german.high, german.languages) == (3, 100_000, ("de",))
    assert german.knob == "gopher.per_language.de.min_words, gopher.per_language.de.max_words"
    assert (found["gopher.mean_word_chars.de"].low, found["gopher.mean_word_chars.de"].high) == (3, None)
    assert found["gopher.alpha_word_frac"].not_languages == ()
    assert "gopher.alpha_word_frac.de" not in found


def test_each_page_is_measured_and_judged_as_its_language_has_it() -> None:
    section = GopherConfig(per_language={"de": GERMAN}, min_words=1)
    text = "und der the of"
    rows = judge(section, [text] * 4, ["en", "de", None, "de"])
    assert [row["stop_word_count"] for row in rows] == [2, 2, 2, 2]
    rows = judge(section, ["und und und the"] * 3, ["de", "en", "de"])
    assert [row["stop_word_count"] for row in rows] == [1, 1, 1]
    rows = judge(section, ["und der und"] * 2, ["de", "en"])
    assert [row["stop_word_count"] for row in rows] == [2, 0]
    failed = [set(row["failed_rules"]) & {"gopher.stop_word_count", "gopher.stop_word_count.de"} for row in rows]
    assert failed == [set(), {"gopher.stop_word_count"}]


def test_text_is_rewritten_as_its_language_has_it_and_order_is_kept() -> None:
    section = C4Config(per_language={"ja": {"min_words_per_line": "off"}})
    rows = judge(section, ["a b", "c d", "e f g", "h"], ["en", "ja", "en", "ja"])
    assert [row["text"] for row in rows] == ["", "c d", "e f g", "h"]


def test_off_switches_a_limit_off_here_and_in_a_language() -> None:
    assert "gopher.word_count" not in rules(GopherConfig(min_words="off", max_words="off"))
    only = rules(GopherConfig(min_words="off", max_words="off", per_language={"de": {"min_words": 5}}))
    assert "gopher.word_count" not in only and only["gopher.word_count.de"].low == 5


@pytest.mark.parametrize("keys", [{"min_wrds": 3}, {"min_words": "x"}, {"stop_words": ["w"] * 65}])
def test_a_mistake_in_a_language_is_named(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=re.escape(f"per_language.de.{next(iter(keys))}")):
        GopherConfig(per_language={"de": keys})


def test_a_recipe_keeps_its_languages_when_it_is_written_down() -> None:
    recipe = load_recipe("fineweb2")
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe
    moved = load_recipe("fineweb2", ["gopher.per_language.de.max_mean_word_chars=12"])
    rule = next(rule for rule in moved.rules() if rule.name == "gopher.mean_word_chars.de")
    assert rule.high == 12


def test_rules_per_language_need_the_language() -> None:
    with pytest.raises(UserError, match=r"language\.enabled"):
        load_recipe("fineweb2", ["language.enabled=false"])
