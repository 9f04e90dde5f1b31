"""Alarms: silent where nothing is known, loud where a rule removes what nobody expects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from flows.alarms import alarms, sentence, tell_alarms
from flows.recipe import load_recipe, shipped_recipes
from pipeline.expected import expected_drop
from pipeline.stage import Rule
from storage import schema
from storage.lake import Lake
from storage.shards import write_table
from tests.lakes import NOON

RULE = {"name": "gopher.word_count", "signal": "word_count", "knob": "gopher.min_words", "expected_drop": [0.01, 0.4]}


@pytest.fixture
def lake(tmp_path: Any) -> Lake:
    return Lake(str(tmp_path))


def add_run(lake: Lake, name: str, pages: int, failed: int, rule: Mapping[str, Any] = RULE, recipe: str = "r") -> None:
    """A finished run in which one rule judged so many pages; later calls are newer."""
    age = timedelta(hours=len(lake.files_of("runs")))
    row = {
        "run_id": name, "flow": "corpus", "name": recipe, "recipe": json.dumps({"rules": [rule]}), "state": "finished",
        "started_at": NOON + age, "finished_at": NOON + age, "steps": [], "failed": [],
        "judged": [{"rule": rule["name"], "pages": pages, "failed": failed}],
    }  # fmt: skip
    write_table(lake.root, lake.run_path(name), "runs", pa.Table.from_pylist([row], schema.RUNS))


def raised(lake: Lake) -> list[str]:
    return [alarm["alarm"] for alarm in alarms(lake)]


@pytest.mark.parametrize(
    ("pages", "failed", "expected"),
    [
        (10_000, 2_000, []),
        (10_000, 0, ["less than expected"]),
        (10_000, 9_990, ["more than expected"]),
        (1_000, 500, ["more than expected"]),
        (300, 135, []),  # 45 % of few may well be 40 %
        (500, 0, []),  # none of few may well be 1 %
        (199, 199, []),  # too few to say anything
    ],
)
def test_a_rule_outside_its_band_raises_an_alarm(lake: Lake, pages: int, failed: int, expected: list[str]) -> None:
    add_run(lake, "one", pages, failed)
    assert raised(lake) == expected


def test_an_alarm_names_the_knob(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    add_run(lake, "one", 10_000, 10_000)
    [alarm] = alarms(lake)
    assert sentence(alarm) == (
        "gopher.word_count removed 100.00% of 10,000 pages, more than expected (expected are 1.00% to 40.00%); "
        "its knob is gopher.min_words."
    )
    tell_alarms(lake, "one")
    assert "alarm: gopher.word_count" in capsys.readouterr().err
    tell_alarms(lake, "another")
    assert not capsys.readouterr().err


def test_a_run_unlike_those_before_it_raises_an_alarm(lake: Lake) -> None:
    for number, failed in enumerate((1000, 1010, 990)):
        add_run(lake, f"before {number}", 10_000, failed)
        assert raised(lake) == []
    add_run(lake, "same", 10_000, 1_100)
    assert raised(lake) == []
    add_run(lake, "new", 10_000, 2_000)
    [alarm] = alarms(lake)
    assert (alarm["alarm"], alarm["runs"]) == ("more than before", 4)
    assert "4 earlier runs had" in sentence(alarm)
    add_run(lake, "newer", 10_000, 300)
    assert raised(lake) == ["less than before"]


def test_two_runs_are_no_history_and_another_recipes_are_not_ours(lake: Lake) -> None:
    for number in range(3):
        add_run(lake, f"theirs {number}", 10_000, 3_000, recipe="theirs")
    for number in range(2):
        add_run(lake, f"ours {number}", 10_000, 1_000)
    add_run(lake, "ours now", 10_000, 2_500)
    assert raised(lake) == []


def test_a_lake_without_runs_has_no_alarms(lake: Lake) -> None:
    assert alarms(lake) == []


def test_every_rule_of_every_recipe_has_a_band_of_the_house() -> None:
    for name in shipped_recipes():
        for rule in load_recipe(name).rules():
            low, high = expected_drop(rule)
            assert (low, high) != Rule("", "").expected_drop, rule.name
            assert 0 <= low < high < 1


def test_a_rule_may_carry_a_band_of_its_own() -> None:
    assert expected_drop(Rule("gopher.word_count", "word_count", expected_drop=(0.5, 0.6))) == (0.5, 0.6)
    assert expected_drop(Rule("mine.x", "x")) == (0.0, 0.999)
