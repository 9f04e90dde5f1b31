"""The classifier of contexts: what it keeps, what it removes, and that it is the same model everywhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.pii_training import train_context
from pipeline.pii.config import PiiConfig, find_personal_data
from pipeline.pii.context import default_model, generated_examples, load_model, train
from storage.errors import UserError
from tests.pii_measures import labelled_texts, measure


def kinds(text: str, config: PiiConfig) -> list[str]:
    return [span.kind for span in find_personal_data(text, config, model=config.classifier())]


@pytest.mark.parametrize(
    "text",
    [
        "You can reach Ann at 415-555-2671 after six.", "John Smith, 415-555-2671, lives in Leeds.", "460-89-9847",
        "My mother wrote 460-89-9847 on the form.", "415-555-2671",
    ],
)  # fmt: skip
def test_personal_numbers_stay_found(text) -> None:
    assert kinds(text, PiiConfig()) == kinds(text, PiiConfig(judge_context=False)) != []


@pytest.mark.parametrize(
    "text",
    [
        "Price list: item 415-555-2671 costs $12.50, item 415-555-2672 costs $9.00",
        "Part no. 460-89-9847 in stock, 4 pcs 9.99",
        "| 415-555-2671 | 415-555-2672 | 415-555-2673 |",
        "Invoice 460-89-9847 for catalogue number 12, page 3",
    ],
)
def test_numbers_of_lists_and_tables_are_given_up(text) -> None:
    assert kinds(text, PiiConfig(judge_context=False)) != [] == kinds(text, PiiConfig())


def test_what_a_validator_is_sure_of_is_no_question() -> None:
    text = "Price list: item jane@example.com costs $12.50, part no. +44 20 7946 0958 costs $3, SSN 460-89-9847 $2"
    assert kinds(text, PiiConfig()) == ["email", "phone", "ssn"]


def test_contexts_of_templates_held_out_are_told_apart() -> None:
    model = train(generated_examples(False))
    held_out = [(e.personal, model.is_personal(e.kind, e.text, e.start, e.end)) for e in generated_examples(True)]
    kept = [stays for personal, stays in held_out if personal]
    removed = [not stays for personal, stays in held_out if not personal]
    assert sum(kept) >= 0.97 * len(kept) and sum(removed) >= 0.5 * len(removed)


def test_next_to_no_labelled_number_is_lost_to_it(shared_data) -> None:
    def recall(config: PiiConfig) -> dict[str, float]:
        model = config.classifier()
        tally = measure(
            labelled_texts(shared_data, held_out=True),
            lambda text: [(s.kind, s.start, s.end) for s in find_personal_data(text, config, model=model)],
        )
        return {kind: tally.scores(kind)[1] for kind in ("phone", "ssn", "card", "ip")}

    judged, found = recall(PiiConfig()), recall(PiiConfig(judge_context=False))
    assert all(judged[kind] >= found[kind] - 0.05 for kind in found)


def test_training_again_gives_the_same_weights_and_a_file_keeps_them() -> None:
    model = default_model()
    assert train(generated_examples()) == model == load_model(model.dump(), "x")


def test_labelled_text_moves_the_model_and_the_fingerprint_follows(tmp_path: Path) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    rows = [
        {"text": f"Ask Zebra {letters[n % 26]}{letters[n // 26]} at 415-555-2671 quux", "spans": []} for n in range(60)
    ]
    (tmp_path / "labelled.jsonl").write_text("\n".join(map(json.dumps, rows)))
    path = tmp_path / "model.json"
    found = train_context(tmp_path / "labelled.jsonl", path)
    assert [part["part"] for part in found["parts"]] == ["generated", "labelled"]
    assert found["parts"][1]["removed_frac"] == 1.0
    own = PiiConfig(model=str(path))
    assert (
        kinds("Ask Zebra zz at 415-555-2671 quux", PiiConfig())
        == ["phone"]
        != kinds("Ask Zebra zz at 415-555-2671 quux", own)
    )
    before = own.signature_settings()
    assert before != PiiConfig().signature_settings()
    assert train_context(tmp_path / "labelled.jsonl", tmp_path / "again.json")["sha256"] == found["sha256"]
    assert PiiConfig(model=str(tmp_path / "again.json")).signature_settings() == before


@pytest.mark.parametrize(
    "content", [None, "no json", '{"buckets": 3}', '{"buckets": 16384, "weights": {"x": 1}}', "[]"]
)
def test_a_file_that_is_no_model_is_refused(tmp_path, content) -> None:
    path = tmp_path / "model.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=r"cannot be read|is no model"):
        PiiConfig(model=str(path)).stages()


@pytest.mark.parametrize("line", ["no json", '{"text": "x"}', '{"text": "x", "spans": [{"kind": "phone"}]}'])
def test_labelled_text_that_is_none_is_refused(tmp_path, line) -> None:
    (tmp_path / "labelled.jsonl").write_text(line)
    with pytest.raises(UserError, match=r"line 1 of .* is no labelled text"):
        train_context(tmp_path / "labelled.jsonl", tmp_path / "model.json")
    assert not (tmp_path / "model.json").exists()
