"""The views for reading before moving a limit: what a rule does alone, pages near it, examples on both sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from storage.catalog import Catalog
from storage.lake import Lake
from tests.lakes import PageSpec, add_archive, add_example, add_run

LISTED = [("annotate", "c1/a.warc.gz", "a" * 16)]


def words(name: str, count: float | None, failed: bool, prob: float = 0.9) -> PageSpec:
    rules = ("gopher.word_count",) if failed else ()
    return PageSpec(name, rules, signals={"word_count": count, "language": "en", "language_prob": prob})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Pages around the limits of 50 and 1,000 words."""
    lake = Lake(str(tmp_path))
    pages = [
        words("far below", 3, True), words("below", 46, True), words("next", 49, True), words("on it", 50, False),
        words("above", 54, False), words("middle", 500, False), words("nearly too long", 999, False),
        words("too long", 1090, True), words("unmeasured", None, True), words("unsure", 400, False, prob=0.66),
    ]  # fmt: skip
    add_archive(lake, "a.warc.gz", pages)
    add_run(lake, "r1", LISTED)
    return lake


def rows(lake: Lake, statement: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Catalog(lake).query(statement).to_pylist()
    return found


def test_near_limit_has_both_sides_of_both_limits(lake: Lake) -> None:
    found = rows(lake, "SELECT doc_id, side, limit_value FROM near_limit WHERE rule = 'gopher.word_count'")
    assert {(row["doc_id"], row["side"], row["limit_value"]) for row in found} == {
        ("below", "failed", 50), ("next", "failed", 50), ("on it", "passed", 50), ("above", "passed", 50),
        ("nearly too long", "passed", 1000), ("too long", "failed", 1000),
    }  # fmt: skip
    [unsure] = rows(lake, "FROM near_limit WHERE rule = 'language.language_prob'")
    assert (unsure["doc_id"], unsure["knob"]) == ("unsure", "language.min_prob")
    assert unsure["distance"] == pytest.approx(0.01 / 0.65)


def test_examples_are_the_nearest_first_and_some_where_none_is_near(lake: Lake) -> None:
    found = rows(lake, "SELECT rule, side, place, doc_id, value FROM examples")
    by_side = {(r["rule"], r["side"]): [] for r in found}
    for row in found:
        by_side[row["rule"], row["side"]].append(row["doc_id"])
    assert by_side["gopher.word_count", "failed"] == ["next", "below", "too long"]
    assert by_side["gopher.word_count", "passed"][0] == "on it"
    assert len(by_side["language.language_prob", "passed"]) == 3  # one is near, two are drawn
    assert ("language.language_prob", "failed") not in by_side


def test_a_rule_that_removes_nothing_is_seen(lake: Lake) -> None:
    found = {row["rule"]: row for row in rows(lake, "FROM removed_alone_by")}
    nothing = found["language.language_prob"]
    assert [nothing[f"{name}_pages"] for name in ("failed", "first", "alone")] == [0, 0, 0]
    assert (nothing["knob"], nothing["alone_frac"]) == ("language.min_prob", None)
    assert found["gopher.word_count"]["alone_pages"] == 5


def test_rules_are_those_of_the_run_in_force(lake: Lake) -> None:
    add_run(lake, "r0", [("annotate", "c1/other", "b" * 16)], age_hours=5)
    found = rows(lake, "FROM rules")
    assert [(r["run_id"], r["rule"], r["low"], r["high"]) for r in found] == [
        ("r1", "gopher.word_count", 50, 1000), ("r1", "language.language_prob", 0.65, None),
    ]  # fmt: skip


def test_a_limit_of_zero_is_near_on_its_failed_side_only_and_yes_or_no_is_never_near(tmp_path: Path) -> None:
    zero = {"name": "c4.curly", "signal": "curly_count", "low": None, "high": 0}
    target = {"name": "language.language_is_target", "signal": "language_is_target", "low": 1, "high": None}
    lake = Lake(str(tmp_path))
    signals = [pa.field(name, pa.float64()) for name in ("curly_count", "language_is_target")]
    pages = [
        PageSpec(f"{count} of {language}", signals={"curly_count": count, "language_is_target": language})
        for count in (0, 1, 2)
        for language in (0, 1)
    ]
    add_archive(lake, "a.warc.gz", pages, signals=signals)
    add_run(lake, "r1", LISTED, rules=(zero, target))
    found = rows(lake, "FROM near_limit")
    assert {(row["rule"], row["doc_id"]) for row in found} == {("c4.curly", "1 of 0"), ("c4.curly", "1 of 1")}


def test_a_rule_is_near_only_for_the_languages_and_the_archives_it_judged(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    base = {"name": "gopher.word_count", "signal": "word_count", "low": 50.0, "high": None, "not_languages": ["de"]}
    german = {"name": "gopher.word_count.de", "signal": "word_count", "low": 48.0, "high": None, "languages": ["de"]}
    pages = [PageSpec(language, signals={"word_count": 49, "language": language}) for language in ("en", "de")]
    add_archive(lake, "a.warc.gz", pages)
    add_archive(lake, "b.warc.gz", [PageSpec("other run", signals={"word_count": 49, "language": "en"})])
    add_run(lake, "r1", LISTED, rules=(base, german))
    add_run(lake, "r2", [("annotate", "c1/b.warc.gz", "a" * 16)], rules=({**base, "low": 100},))
    found = rows(lake, "FROM near_limit")
    assert {(row["rule"], row["doc_id"]) for row in found} == {
        ("gopher.word_count", "en"), ("gopher.word_count.de", "de"),
    }  # fmt: skip


def test_examples_of_a_rare_rule_come_from_archives_that_were_not_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.views.EXAMPLE_PAGES", 10)
    lake = Lake(str(tmp_path))
    for name in ("a.warc.gz", "b.warc.gz", "c.warc.gz"):
        odd = [words("rare", 3, True)] if name == "c.warc.gz" else []
        add_archive(lake, name, [*(words(f"{name} {n}", 400, False) for n in range(12)), *odd])
    listed = [("annotate", f"c1/{name}.warc.gz", "a" * 16) for name in "abc"]
    add_run(lake, "r1", listed, judged=[{"rule": "gopher.word_count", "pages": 37, "failed": 1}])
    found = rows(lake, "SELECT side, doc_id FROM examples WHERE rule = 'gopher.word_count'")
    assert [row["doc_id"] for row in found if row["side"] == "failed"] == ["rare"]
    assert {row["doc_id"][0] for row in found if row["side"] == "passed"} == {"a"}  # a whole archive is enough


@pytest.mark.parametrize("view", ["rules", "near_limit", "examples", "removed_alone_by", "alarms"])
def test_views_answer_without_runs_and_without_pages(view: str, tmp_path: Path) -> None:
    assert rows(Lake(str(tmp_path)), f"FROM {view}") == []
    example = Lake(str(tmp_path / "example"))
    add_example(example)
    rows(example, f"FROM {view}")


def test_a_rules_signal_that_no_archive_measured_breaks_no_view(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    add_archive(lake, "a.warc.gz", [PageSpec("verse", signals={})], signals=())
    add_run(lake, "r1", LISTED)
    assert rows(lake, "FROM near_limit") == []
    assert {row["side"] for row in rows(lake, "FROM examples")} == {"passed"}
