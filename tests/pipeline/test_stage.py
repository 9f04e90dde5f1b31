"""Rules judge alike in Arrow and SQL; run_stages drops nothing silently and measures what it may."""

from __future__ import annotations

import math
from itertools import pairwise

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.batch import DocumentBatch
from pipeline.judging import run_stages
from pipeline.stage import Columns, Rule, Stage, signal


def measured(name: str, values: dict[str, float | None], *rules: Rule, **options: bool) -> Stage:
    """A stage that looks its signal up by text."""

    def compute(batch: DocumentBatch) -> Columns:
        return {name: pa.array([values[text] for text in batch.texts], pa.float64())}

    return Stage(name, pa.schema([signal(name, "test")]), compute, rules, **options)


CONNECTION = duckdb.connect()
LIMITS = st.one_of(st.none(), st.sampled_from([0.1, 0.12, 0.3, 0.67, 0.8, 0.0, 50.0]), st.floats(allow_nan=False))
VALUES = st.one_of(st.none(), st.sampled_from([0.1, 0.12, 0.3, 0.67, 0.8, math.nan]), st.floats())


@given(low=LIMITS, high=LIMITS, value=VALUES)
def test_arrow_and_sql_agree(low: float | None, high: float | None, value: float | None) -> None:
    rule = Rule("t.v", "v", low, high)
    passes = bool(rule.passes(pa.array([value], pa.float64()))[0])
    table = pa.table({"v": pa.array([value], pa.float64())})
    assert CONNECTION.from_arrow(table).project(rule.sql()).fetchall() == [(passes,)]


LANGUAGES = st.lists(st.sampled_from(["en", "de", "o'clock"]), max_size=2, unique=True).map(tuple)


@given(LANGUAGES, LANGUAGES, st.sampled_from(["en", "de", "o'clock", "fr", None]), st.sampled_from([0.0, 1.0, None]))
def test_arrow_and_sql_agree_on_languages(
    languages: tuple[str, ...], others: tuple[str, ...], language: str | None, value: float | None
) -> None:
    rule = Rule("t.v", "v", low=0.5, languages=languages, not_languages=others)
    names = pa.array([language], pa.string())
    judged = (not languages or language in languages) and language not in others
    assert rule.judges(names, 1).tolist() == [judged]
    passes = bool(rule.passes(pa.array([value], pa.float64()), names)[0])
    assert passes == (value == 1.0 or not judged)
    table = CONNECTION.from_arrow(pa.table({"v": pa.array([value], pa.float64()), "language": names}))
    assert table.project(rule.sql()).fetchall() == [(passes,)]
    assert table.project(rule.judges_sql()).fetchall() == [(judged,)]


def test_without_languages_a_rule_for_some_judges_nobody() -> None:
    values = pa.array([0.0, 1.0])
    assert Rule("t.v", "v", low=0.5, languages=("en",)).passes(values).tolist() == [True, True]
    assert Rule("t.v", "v", low=0.5, not_languages=("en",)).passes(values).tolist() == [False, True]


@pytest.mark.parametrize("limit", [0.1, 0.12, 0.3, 0.67, 0.8])
def test_the_limit_itself_passes(limit: float) -> None:
    values = pa.array([limit, np.nextafter(limit, 1), np.nextafter(limit, 0)], pa.float64())
    assert Rule("t.v", "v", high=limit).passes(values).tolist() == [True, False, True]
    assert Rule("t.v", "v", low=limit).passes(values).tolist() == [True, True, False]


def test_null_and_nan_fail() -> None:
    assert Rule("t.v", "v").passes(pa.array([None, math.nan, 1.0])).tolist() == [False, False, True]


def test_every_failure_is_recorded_and_every_signal_measured() -> None:
    first = measured("a", {"x": 0.0, "y": 1.0}, Rule("a.a", "a", low=0.5))
    second = measured("b", {"x": 9.0, "y": 1.0}, Rule("b.b", "b", high=2.0))
    verdicts = run_stages(DocumentBatch.of_texts(["x", "y"]), [first, second])
    rows = verdicts.table.to_pylist()
    assert rows[0]["failed_rules"] == ["a.a", "b.b"]
    assert (rows[0]["dropped_by"], rows[0]["dropped_by_rule"]) == ("a", "a.a")
    assert rows[0]["b"] == 9.0
    assert rows[1]["failed_rules"] == [] and rows[1]["dropped_by"] is None
    assert verdicts.kept.tolist() == [False, True]
    assert verdicts.survivors["text"].to_pylist() == ["y"]


def test_past_a_gate_nothing_is_measured() -> None:
    gate = measured("a", {"x": 0.0, "y": 1.0}, Rule("a.a", "a", low=0.5, gate=True))
    later = measured("b", {"y": 1.0}, Rule("b.b", "b", high=2.0))
    rows = run_stages(DocumentBatch.of_texts(["x", "y"]), [gate, later]).table.to_pylist()
    assert rows[0]["b"] is None and rows[0]["failed_rules"] == ["a.a"]
    assert rows[1]["b"] == 1.0


def test_survivors_only_skips_what_failed_and_may_rewrite_text() -> None:
    def shout(batch: DocumentBatch) -> Columns:
        return {"text": pa.array([text.upper() for text in batch.texts], pa.string())}

    rewrite = Stage("shout", pa.schema([pa.field("text", pa.string())]), shout, survivors_only=True)
    judge = measured("a", {"x": 0.0, "y": 1.0, "z": 1.0}, Rule("a.a", "a", low=0.5))
    last = measured("b", {"x": 0.0, "Y": 1.0, "Z": 2.0}, Rule("b.b", "b", high=1.5))
    rows = run_stages(DocumentBatch.of_texts(["x", "y", "z"]), [judge, rewrite, last]).table.to_pylist()
    assert [row["text"] for row in rows] == ["x", "Y", "Z"]
    assert [row["b"] for row in rows] == [0.0, 1.0, 2.0]
    assert [row["dropped_by"] for row in rows] == ["a", None, "b"]


def test_nothing_to_measure() -> None:
    stage = measured("a", {}, Rule("a.a", "a", low=0.5))
    verdicts = run_stages(DocumentBatch.of_texts([]), [stage])
    assert verdicts.table.num_rows == 0 and "a" in verdicts.table.column_names


@pytest.mark.parametrize("wrong", [{}, {"a": pa.array([1.0])}, {"a": pa.array([1, 2])}])
def test_a_broken_promise_is_an_error(wrong: dict[str, pa.Array]) -> None:
    stage = Stage("a", pa.schema([signal("a", "test")]), lambda batch: wrong)
    with pytest.raises(ValueError, match="stage a"):
        run_stages(DocumentBatch.of_texts(["x", "y"]), [stage])


@given(st.lists(st.text(max_size=20), max_size=8), st.data())
def test_utf8_view_is_the_text(texts: list[str], data: st.DataObject) -> None:
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts))), dtype=bool)
    batch = DocumentBatch.of_texts(texts).filter(keep)
    kept = [text for text, wanted in zip(texts, keep, strict=True) if wanted]
    buffer, offsets = batch.utf8
    assert [bytes(buffer[a:b]).decode() for a, b in pairwise(offsets)] == kept
