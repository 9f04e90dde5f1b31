"""A page's way to the steps that saw it, and a step's way back: from archive to weights on one small lake."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.generation import find_training, load_language
from flows.lineage import batches_of, pieces_of_step, steps_that_saw
from flows.tracing import trace_page, trace_step
from model.data import Loader, read_sequences
from storage.errors import UserError
from storage.lake import Lake
from storage.shards import read_table


@pytest.fixture
def row(trained_lake: Lake) -> dict[str, Any]:
    return find_training(trained_lake, "toy")


def test_a_page_is_followed_from_its_archive_to_the_steps_that_saw_it(trained_lake: Lake, row: dict[str, Any]) -> None:
    found = trace_page(trained_lake, "https://example.org/web-3", "toy")
    assert [one["what"] for one in found] == ["capture", "corpus", "tokens", "training"]
    assert found[0]["id"] == "web-3" and found[0]["place"] == "c1/a.warc.gz at 600, 100 long: kept"
    assert found[1]["place"] == "part-0.parquet, row 6"
    assert found[3]["id"] == row["training_id"]
    for step in found[3]["steps"]:
        assert "web-3" in {piece["doc_id"] for piece in trace_step(trained_lake, "toy", step)}
    others = {one["name"] for one in trace_page(trained_lake, "web-3") if one["what"] == "training"}
    assert others == {"toy", "toy-bert"}


def test_a_step_is_followed_back_to_the_text_its_loader_gave(trained_lake: Lake, row: dict[str, Any]) -> None:
    """The loader's own batch, decoded, holds each document's text where the stretch is said to begin."""
    tokenizer, tokens = load_language(trained_lake, row["checkpoint"].rpartition("/")[0])
    sequences = read_sequences(trained_lake.absolute("tokens/toy/t"), tokens, tokens.train.files)
    size = row["batch_tokens"] // tokens.sequence_length
    batch = Loader(sequences, size, row["seed"], tokens.pad_id).at(6 * size)
    pieces = trace_step(trained_lake, "toy", 7)
    numbers = list(dict.fromkeys(piece["sequence"] for piece in pieces))
    assert len(numbers) == size
    table = read_table(trained_lake.absolute("corpus/toy/c/part-0.parquet"), ["id", "text"])
    texts = dict(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))
    for piece in pieces:
        ids = batch.tokens[numbers.index(piece["sequence"])].tolist()[piece["start"] :]
        ids = ids[: ids.index(tokens.end_id)] if tokens.end_id in ids else ids
        assert tokenizer.decode(ids) in texts[piece["doc_id"]]
        assert piece["url"] == f"https://example.org/{piece['doc_id']}" and piece["archive"] == "a.warc.gz"
        assert piece["offset"] == 100 * list(texts).index(piece["doc_id"]) and piece["length"] == 100


def test_a_held_out_page_was_seen_by_no_step(trained_lake: Lake) -> None:
    names = read_table(trained_lake.absolute("tokens/toy/t/held_out-00000.parquet"), ["doc_ids"])["doc_ids"].to_pylist()
    found = trace_page(trained_lake, names[0][0])
    assert [one["what"] for one in found] == ["capture", "corpus", "tokens"] and "held-out" in found[2]["place"]
    assert [one["what"] for one in trace_page(trained_lake, "short")] == ["capture"]


def test_batches_left_out_and_gone_back_from_are_told_apart() -> None:
    plain = batches_of(4, [])
    assert plain.steps.tolist() == [1, 2, 3, 4] and plain.counted.all()
    events = [
        "step 3 is left out: its loss is nan.",
        "step 4 is left out: its loss is nan.",
        "going back from step 4 to step 2, on with other batches.",
        "alarm: an MFU of 99% is not believable",
        "step 5 is left out: its loss of 9.000 is a spike (above 3.000).",
    ]
    found = batches_of(6, events)
    assert found.steps.tolist() == [1, 2, 3, 4, 3, 4, 5, 6]
    assert found.counted.tolist() == [True, True, False, False, True, True, False, True]
    again = batches_of(3, ["going back from step 2 to step 0, on.", "going back from step 1 to step 0, on."])
    assert again.steps.tolist() == [1, 2, 1, 1, 2, 3] and again.counted.tolist() == [False] * 3 + [True] * 3


def test_after_going_back_steps_are_found_at_the_batches_they_took(trained_lake: Lake, row: dict[str, Any]) -> None:
    """Two batches were taken back: from step 3 on, a step's batch lies two further in the loader's order."""
    back = row | {"events": ["going back from step 4 to step 2, on with other batches."]}
    assert pieces_of_step(trained_lake, back, "tokens/toy/t", 3) == pieces_of_step(trained_lake, row, "tokens/toy/t", 5)
    seen = steps_that_saw(trained_lake, back, "tokens/toy/t", ["web-3"])
    held = {step for step in range(1, 13) if any(
        piece.doc_id == "web-3" for piece in pieces_of_step(trained_lake, back, "tokens/toy/t", step))}  # fmt: skip
    assert set(seen.steps) == held
    left_out = row | {"events": ["step 2 is left out: its loss is nan."]}
    with pytest.raises(UserError, match="left out"):
        pieces_of_step(trained_lake, left_out, "tokens/toy/t", 2)


def test_the_command_goes_both_ways(trained_lake: Lake) -> None:
    run = CliRunner().invoke
    found = run(app, ["lineage", "web-3", "--lake", trained_lake.root, "--json"])
    assert [one["what"] for one in json.loads(found.stdout)][:2] == ["capture", "corpus"]
    found = run(app, ["lineage", "--step", "2", "--training", "toy", "--lake", trained_lake.root, "--json"])
    assert {one["crawl"] for one in json.loads(found.stdout)} == {"c1"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [((), "from a page or from a step"), (("nobody",), "no page"), (("--step", "99", "--training", "toy"), "1 to 12")],
)
def test_what_is_not_there_is_told(trained_lake: Lake, arguments: tuple[str, ...], told: str) -> None:
    found = CliRunner().invoke(app, ["lineage", *arguments, "--lake", trained_lake.root])
    assert isinstance(found.exception, UserError) and told in str(found.exception)


def test_documents_without_a_page_have_null_places(trained_lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.tracing.sql_text", lambda name: "SELECT * FROM ledger WHERE len($1) < 0")
    assert {one["url"] for one in trace_step(trained_lake, "toy", 1)} == {None}
    assert np.isfinite([one["sequence"] for one in trace_step(trained_lake, "toy", 1)]).all()
