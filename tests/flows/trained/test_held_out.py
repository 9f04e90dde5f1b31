"""Scores on held-out documents: those of transformers on the export, window by window; and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

from flows.exporting import export
from flows.generation import find_training, load_language
from flows.held_out import Scored, _domain_rows, evaluate_held_out, held_out_documents, windows
from storage.errors import UserError
from storage.files import write_bytes
from storage.lake import Lake


@pytest.mark.parametrize("size", [1, 7, 8, 9, 16, 30])
@pytest.mark.parametrize("stride", [1, 3, 8])
def test_every_token_is_scored_once_with_as_much_before_it_as_fits(size: int, stride: int) -> None:
    ids, scored = list(range(100, 100 + size)), []
    for context, continuation in windows(ids, 0, 8, stride):
        first = 0 if not scored else scored[-1] - 99
        assert [*context, *continuation] == [0, *ids][
            max(0, first + len(continuation) - 8) : first + len(continuation) + 1
        ]
        assert len(context) + len(continuation) <= 9 and (not scored or len(continuation) <= stride)
        scored += continuation
    assert scored == ids


def rolling_nats(model: Any, start: int, ids: list[int], seen: int) -> float:
    """lm-evaluation-harness's rolling log-likelihood: disjoint windows, the last one filled up from before."""
    whole, nats = [start, *ids], 0.0
    for begin in range(0, len(ids), seen):
        end = min(begin + seen, len(ids))
        shown, scored = whole[max(0, end - seen) : end], ids[begin:end]
        with torch.no_grad():
            log_probs = model(torch.tensor([shown])).logits[0].double().log_softmax(-1)
        nats -= float(log_probs[-len(scored) :].gather(1, torch.tensor(scored)[:, None]).sum())
    return nats


def test_perplexity_and_bits_a_byte_are_those_of_transformers_on_the_export(trained_lake: Lake, tmp_path: Path) -> None:
    rows = evaluate_held_out(trained_lake, "toy", stride=16)
    export(trained_lake, "toy", str(tmp_path / "out"))
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    _, tokens = load_language(trained_lake, find_training(trained_lake, "toy")["checkpoint"].rpartition("/")[0])
    found = held_out_documents(trained_lake, tokens, None)
    assert {document.domain for document in found} == {"web", "books"} and len(found) >= 4
    for domain in ("web", "books", "all"):
        chosen = [document for document in found if domain in ("all", document.domain)]
        encoded = [tokenizer(document.text, add_special_tokens=False)["input_ids"] for document in chosen]
        assert max(map(len, encoded)) > 16  # more than one window
        nats = sum(rolling_nats(model, tokenizer.eos_token_id, ids, 16) for ids in encoded)
        values = {row["metric"]: row for row in rows if row["part"] == domain}
        bits = nats / math.log(2) / sum(len(document.text.encode()) for document in chosen)
        assert values["bits_per_byte"]["value"] == pytest.approx(bits, rel=1e-5)
        assert values["perplexity"]["value"] == pytest.approx(math.exp(nats / sum(map(len, encoded))), rel=1e-5)
        assert json.loads(values["perplexity"]["details"])["documents"] == len(chosen)
        assert values["perplexity"]["low"] <= values["perplexity"]["value"] <= values["perplexity"]["high"]


def test_it_is_done_once_and_a_shorter_stride_gives_more_to_go_by(trained_lake: Lake) -> None:
    first = evaluate_held_out(trained_lake, "toy", limit=2)
    assert evaluate_held_out(trained_lake, "toy", limit=2) == first
    about = json.loads(first[-1]["details"])
    assert (about["documents"], about["stride"]) == (4, 8) and first[-1]["part"] == "all"


def test_an_encoders_is_called_pseudo_and_is_that_of_transformers(trained_lake: Lake, tmp_path: Path) -> None:
    rows = evaluate_held_out(trained_lake, "toy-bert", limit=1)
    assert {row["metric"] for row in rows} == {"pseudo_perplexity"} and "pseudo" in rows[0]["details"]
    export(trained_lake, "toy-bert", str(tmp_path / "out"))
    model = AutoModelForMaskedLM.from_pretrained(tmp_path / "out").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    _, tokens = load_language(trained_lake, find_training(trained_lake, "toy-bert")["checkpoint"].rpartition("/")[0])
    [document] = [found for found in held_out_documents(trained_lake, tokens, 1) if found.domain == "web"]
    ids, nats = tokenizer(document.text, add_special_tokens=False)["input_ids"], 0.0
    for begin in range(0, len(ids), 14):
        window = [tokenizer.cls_token_id, *ids[begin : begin + 14], tokenizer.sep_token_id]
        for place in range(1, len(window) - 1):
            shown = [*window[:place], tokenizer.mask_token_id, *window[place + 1 :]]
            with torch.no_grad():
                nats -= float(model(torch.tensor([shown])).logits[0, place].log_softmax(-1)[window[place]])
    [value] = [row["value"] for row in rows if row["part"] == "web"]
    assert value == pytest.approx(math.exp(nats / len(ids)), rel=1e-4)


def test_what_gives_no_likelihood_is_refused(trained_lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    row = find_training(trained_lake, "toy")
    config = json.loads(row["config"])
    config["model"] |= {"decoder_layers": 1, "causal": False}
    other = row | {"config": json.dumps(config), "training_id": "t5"}
    monkeypatch.setattr("flows.held_out.find_training", lambda *_: other)
    with pytest.raises(UserError, match="no likelihood of a text"):
        evaluate_held_out(trained_lake, "t5")


def test_without_its_corpus_a_model_cannot_be_evaluated(trained_lake: Lake, tmp_path: Path) -> None:
    _, tokens = load_language(trained_lake, find_training(trained_lake, "toy")["checkpoint"].rpartition("/")[0])
    lake = Lake(str(tmp_path))
    for name in tokens.held_out.files:
        path = f"{lake.tokens_dir(tokens.name, tokens.fingerprint)}/{name}"
        content = Path(trained_lake.absolute(f"tokens/toy/t/{name}")).read_bytes()
        write_bytes(lake.absolute(path), content)
    with pytest.raises(UserError, match="learned from its version"):
        held_out_documents(lake, tokens, None)


def test_a_text_that_was_certain_has_a_perplexity_of_one() -> None:
    rows = _domain_rows("web", [Scored("web", 4, 12, 0.0), Scored("web", 4, 12, 0.0)], False, {})
    assert [(row["value"], row["low"], row["high"]) for row in rows] == [(1.0, 1.0, 1.0), (0.0, 0.0, 0.0)]
    [alone, _] = _domain_rows("web", [Scored("web", 4, 12, 0.0)], False, {})
    assert (alone["value"], alone["low"], alone["high"]) == (1.0, None, None)
