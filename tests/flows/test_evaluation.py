"""Scores from likelihoods: what counts as right, intervals that hold, and words cut where the context ends."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from scipy.stats import binomtest

from flows.evaluation import encode, metrics, read_benchmark
from flows.generation import find_training
from pipeline.questions import Question
from pipeline.tokens import Tokenizer, train_tokenizer
from pipeline.tokens_config import TokensConfig
from storage.files import remove
from storage.lake import Lake
from tests.flows.full_lake import add_everything

CHOICE = Question((("q", " a"), ("q", " four")), 1)


def by_name(found: list[dict[str, object]]) -> dict[str, dict[str, object]]:
    return {str(row["metric"]): row for row in found}


def test_the_likeliest_answer_counts_and_the_likeliest_a_character() -> None:
    found = by_name(metrics([CHOICE, CHOICE], [(1.0, False), (2.0, False), (3.0, False), (2.0, True)]))
    assert found["acc"]["value"] == 0.5
    assert found["acc_norm"]["value"] == 1.0  # 2 nats over four letters are less than 1 over one


def test_an_ending_is_right_when_it_would_be_written() -> None:
    ending = Question((("q", " a"),), 0)
    found = by_name(metrics([ending, ending], [(1.0, True), (3.0, False)]))
    assert found["acc"]["value"] == 0.5
    assert found["perplexity"]["value"] == pytest.approx(math.exp(2.0))


def test_a_string_may_hold_a_line_end_of_prose(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    path.write_text('{"context": "one\u2028two", "continuation": "three"}\r\n', "utf-8", newline="")
    assert read_benchmark(str(path)).questions == (Question((("one\u2028two", " three"),), 0),)


@pytest.mark.parametrize("right, items", [(0, 5), (3, 10), (50, 100), (7, 7)])
def test_intervals_are_wilsons(right: int, items: int) -> None:
    scored = [(1.0, False), (2.0, False)] * (items - right) + [(2.0, False), (1.0, False)] * right
    found = by_name(metrics([CHOICE] * items, scored))["acc"]
    expected = binomtest(right, items).proportion_ci(0.95, "wilson")
    assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_context_and_continuation_are_cut_where_the_context_ends() -> None:
    text = "the cat sat on the mat, and the cat ran to the mat. " * 30
    tokenizer = Tokenizer(train_tokenizer([text], TokensConfig(vocab_size=512)), "<|end_of_text|>", "[PAD]")
    context, continuation = encode(tokenizer, "the cat ", "sat on the mat", False)
    assert tokenizer.decode(context) == "the cat" and tokenizer.decode(continuation) == " sat on the mat"
    assert encode(tokenizer, "", "the cat", False)[0] == (tokenizer.end_id,)
    assert encode(tokenizer, "the", " cat", True)[0][0] == tokenizer.end_id


def test_the_latest_training_is_a_rung_only_where_there_is_nothing_else(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    add_everything(lake, archives=1, pages=4)
    assert find_training(lake, "latest")["name"] == "demo"
    remove(lake.absolute(lake.training_path("demo")))
    assert "/ladder/" in find_training(lake, "latest")["name"]
