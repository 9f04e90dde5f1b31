"""Measuring models of different tokenizers on the same documents, and how fast a machine takes a step."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import tokenizers
import torch
from torch.nn import functional

from model.config import ModelConfig
from model.measure import bits_per_byte, read_documents
from model.measure_rate import seconds_per_step
from model.parts import ObjectiveConfig
from model.transformer import Transformer
from pipeline.tokens import train_tokenizer
from pipeline.tokens_config import TokensConfig
from storage.errors import UserError

DOCUMENTS = ["the corpus is read once — größer", "and every token of it lands in one sequence", "x"]
CONFIG = TokensConfig(vocab_size=520, sequence_length=16)
TOGETHER = ObjectiveConfig(document_masking=False)


@pytest.fixture(scope="module")
def tokenizer() -> tokenizers.Tokenizer:
    return tokenizers.Tokenizer.from_str(train_tokenizer(DOCUMENTS * 50, CONFIG))


def small(vocabulary: int) -> Transformer:
    config = ModelConfig(vocab_size=vocabulary, d_model=16, n_layers=1, n_heads=2, n_kv_heads=1, ffn_multiple=16)
    return Transformer(config, seed=0)


def test_a_byte_costs_what_its_tokens_cost(tokenizer: tokenizers.Tokenizer) -> None:
    model = small(tokenizer.get_vocab_size())
    end = tokenizer.token_to_id(CONFIG.end_of_document)
    ids = [end, *(token for text in DOCUMENTS for token in (*tokenizer.encode(text).ids, end))]
    with torch.no_grad():
        logits = model(torch.tensor([ids[:-1]]))[0]
    whole = float(functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="sum"))
    size = sum(len(text.encode()) for text in DOCUMENTS)
    found = bits_per_byte(model, tokenizer, DOCUMENTS, CONFIG.end_of_document, len(ids) - 1, TOGETHER)
    assert found == pytest.approx(whole / math.log(2) / size, rel=1e-5)


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_documents_see_each_other_only_if_they_did_in_training(tokenizer: tokenizers.Tokenizer, positions: str) -> None:
    """Apart, each costs what it costs by itself after the end of another."""
    changes = {"positions": positions, "max_positions": 128}
    model = Transformer(small(tokenizer.get_vocab_size()).config.model_copy(update=changes), seed=0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3.0)  # or what came before would hardly matter
    end = tokenizer.token_to_id(CONFIG.end_of_document)
    alone = 0.0
    for text in DOCUMENTS:
        ids = torch.tensor([[end, *tokenizer.encode(text).ids, end]])
        with torch.no_grad():
            alone += float(functional.cross_entropy(model(ids[:, :-1])[0], ids[0, 1:], reduction="sum"))
    size = sum(len(text.encode()) for text in DOCUMENTS)
    apart = ObjectiveConfig(restart_positions=True)
    found = bits_per_byte(model, tokenizer, DOCUMENTS, CONFIG.end_of_document, 128, apart)
    assert found == pytest.approx(alone / math.log(2) / size, rel=1e-5)
    assert abs(bits_per_byte(model, tokenizer, DOCUMENTS, CONFIG.end_of_document, 128, TOGETHER) - found) > 1e-3


def test_an_encoder_gives_no_likelihood(tokenizer: tokenizers.Tokenizer) -> None:
    config = small(tokenizer.get_vocab_size()).config.model_copy(update={"causal": False})
    with pytest.raises(UserError, match="no likelihood"):
        bits_per_byte(Transformer(config), tokenizer, DOCUMENTS, CONFIG.end_of_document, 16, TOGETHER)


@pytest.mark.parametrize("length", [3, 7, 16, 1000])
def test_every_token_is_coded_once_whatever_the_length(tokenizer: tokenizers.Tokenizer, length: int) -> None:
    """A model that holds all tokens equally likely: log2 of the vocabulary for each, the last short piece too."""
    model = small(tokenizer.get_vocab_size())
    with torch.no_grad():
        model.head.weight.zero_()
    tokens = sum(len(tokenizer.encode(text).ids) + 1 for text in DOCUMENTS)
    size = sum(len(text.encode()) for text in DOCUMENTS)
    found = bits_per_byte(model, tokenizer, DOCUMENTS, CONFIG.end_of_document, length, ObjectiveConfig())
    assert found == pytest.approx(tokens * math.log2(tokenizer.get_vocab_size()) / size, rel=1e-5)


def test_documents_are_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in DOCUMENTS))
    assert read_documents(str(path)) == DOCUMENTS
    path.write_text("")
    with pytest.raises(UserError, match="no documents to measure"):
        read_documents(str(path))


def test_a_step_takes_time() -> None:
    config = ModelConfig(vocab_size=64, d_model=16, n_layers=1, n_heads=1, n_kv_heads=1)
    assert 0 < seconds_per_step(config, 64, 16, 0.01, torch.device("cpu")) < 10
