"""Tokens of a text, and its beginning of so many: whole words, never more than asked, the same each time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tokenizers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.token_counts import CountedTokens, EstimatedTokens, TokenCounter
from pipeline.tokens import train_tokenizer
from pipeline.tokens_config import TokensConfig

TEXTS = ["The harbour was quiet, and nobody had told the pilot of the tide. " * 3, "x = 12345 + émigré()\n" * 5]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    path.write_text(train_tokenizer(TEXTS * 20, TokensConfig(vocab_size=512)))
    return path


@pytest.fixture(scope="module")
def counters(trained: Path) -> list[TokenCounter]:
    """The estimate, our tokenizer through tiktoken, and one that goes the slow way and would cut texts if let."""
    spec = json.loads(trained.read_text())
    spec["normalizer"] = {"type": "NFC"}
    spec["truncation"] = {"max_length": 4, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    slow = trained.with_name("slow.json")
    slow.write_text(json.dumps(spec))
    return [EstimatedTokens(4.2), CountedTokens(str(trained)), CountedTokens(str(slow))]


words = st.lists(st.sampled_from(["a", "tide", "12345", "émigré", "漢字漢字", "<|end_of_text|>", "\n", "x" * 300]))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words.filter(bool), st.integers(15, 60))
def test_a_beginning_has_at_most_so_many_tokens_and_ends_between_words(counters, parts, most) -> None:
    text = " ".join(parts)
    for counter in counters:
        beginning, tokens = counter.begin(text, most)
        assert text.startswith(beginning) and beginning
        assert counter.count([beginning]) == [tokens] and tokens <= most
        rest = text[len(beginning) :]
        # a word that is cut is the first, or longer than what is looked back for
        assert not rest or rest[0].isspace() or not any(c.isspace() for c in beginning[-200:].strip())


@given(words.filter(bool))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_counts_are_those_of_the_library(counters, trained, parts) -> None:
    plain = tokenizers.Tokenizer.from_file(str(trained))
    plain.encode_special_tokens = True
    text = " ".join(parts)
    assert counters[1].count([text]) == [len(plain.encode(text, add_special_tokens=False).ids)]


def test_a_text_that_fits_stays_whole(counters) -> None:
    for counter in counters:
        assert counter.begin("A quiet harbour.", 60)[0] == "A quiet harbour."
