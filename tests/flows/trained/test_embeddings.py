"""Embeddings end to end on a small lake: rows, coverage, one dot where there is no context, the same again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flows.embedding import passages
from flows.embedding.passages import Passages
from flows.embedding.run import PairFile, embed_training, read_embeddings, read_pair_file
from flows.embedding.senses import read_senses
from flows.embedding.static_vectors import train_static
from flows.generation import find_training, load_language
from model.config import ModelConfig
from pipeline.embedding.config import EmbeddingsConfig
from pipeline.embedding.uses import Use
from storage.errors import UserError
from storage.lake import Lake

from .conftest import HOSTILE, TEXTS, run_here

SMALL = EmbeddingsConfig(dim=12, epochs=1, buckets=500, uses=4, shown_uses=6, draws=20)
SENSES = """
[bank.money]
sentences = ["He put money into the bank today.", "The bank by the bank."]
"""


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> PairFile:
    path = tmp_path_factory.mktemp("pairs") / "toy.txt"
    path.write_text("bank money 8\nbank river 7\nsun light 9\ntree river 3\nbank unheard 5\n")
    return read_pair_file(str(path))


@pytest.fixture(scope="module")
def rows(trained_lake: Lake, pairs: PairFile) -> list[dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passages, "run_child", run_here)
        return embed_training(trained_lake, "toy", [pairs], ["sun", "unheard"], config=SMALL, threads=1)


def details(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row["details"])
    return found


def test_every_method_is_measured_on_the_same_pairs(rows: list[dict[str, Any]]) -> None:
    found = [row for row in rows if row["part"] == "toy"]
    assert [row["metric"] for row in found] == [
        "static", *(f"layer {layer}, {how}" for how in ("uses", "alone") for layer in range(3))
    ]  # fmt: skip
    assert {(details(row)["covered"], details(row)["pairs"]) for row in found} == {(4, 5)}  # one word is not there
    by_name = {row["metric"]: row["value"] for row in found}
    assert by_name["layer 0, uses"] == pytest.approx(by_name["layer 0, alone"])  # tokens as they are: no context yet
    assert all(-1 <= row["low"] <= row["high"] <= 1 for row in found)


def test_static_vectors_and_a_decoders_lowest_layer_tell_no_uses_apart(rows: list[dict[str, Any]]) -> None:
    for part in ("senses", "domains"):
        values = {row["metric"]: row["value"] for row in rows if row["part"] == part}
        assert values["static"] == values["layer 0"] == 0.5 and values["layer 2"] != 0.5


def test_the_figure_has_one_dot_below_and_many_above(rows: list[dict[str, Any]]) -> None:
    words = {word["word"]: word for word in details(rows[-1])["words"]}
    assert "unheard" not in words and len(words["bank"]["uses"]) == 10 + 6
    bank = words["bank"]
    assert {tuple(point) for point in bank["layers"][0]["points"]} == {(0.0, 0.0)}
    assert len({tuple(point) for point in bank["layers"][2]["points"]}) > 10
    assert bank["static"]["names"][0] == "bank" and len(bank["static"]["points"]) == 9
    assert {use["label"] for use in bank["uses"]} == {"money", "river", "web", "books"}
    assert any(HOSTILE in use["after"] for use in bank["uses"])  # as the web has it: the page's business


def test_it_is_done_once_and_comes_out_the_same(
    trained_lake: Lake, pairs: PairFile, rows: list[dict[str, Any]]
) -> None:
    assert embed_training(trained_lake, "toy", [pairs], ["sun", "unheard"], config=SMALL, threads=1) == rows
    [written] = read_embeddings(trained_lake)
    assert [row["value"] for row in written] == [row["value"] for row in rows]
    Path(trained_lake.absolute(trained_lake.evaluation_path(rows[0]["evaluation_id"]))).unlink()
    again = embed_training(trained_lake, "toy", [pairs], ["sun", "unheard"], config=SMALL, threads=1)
    assert [(row["metric"], row["value"], row["details"]) for row in again] == [
        (row["metric"], row["value"], row["details"]) for row in rows
    ]


def test_a_words_pieces_are_found_in_the_passages_ids(trained_lake: Lake) -> None:
    row = find_training(trained_lake, "toy")
    tokenizer, tokens = load_language(trained_lake, row["checkpoint"].rpartition("/")[0])
    gathered = Passages(tokenizer, tokens, ModelConfig.model_validate(json.loads(row["config"])["model"]))
    text = "x " * 60 + "under the unheard tree " + "y " * 60
    start = text.index("unheard")
    assert gathered.add("group", Use("unheard", text, start, start + 7, ""))
    [ids], [(first, last, _)] = gathered._ids, gathered._spans
    assert tokenizer.decode(ids[first:last]) == " unheard"
    assert tokenizer.decode(ids[1:first]).endswith("under the") and len(ids) <= tokens.sequence_length
    assert ids[0] == tokens.end_id and last == len(ids)  # a decoder sees nothing of what follows
    assert not gathered.add_alone("long", "pneumonoultramicroscopicsilicovolcanoconiosis" * 3)


def test_static_vectors_are_the_same_again() -> None:
    first, second = (train_static(TEXTS.values(), SMALL.model_copy(update={"min_count": 1})) for _ in range(2))
    assert (first["bank"] == second["bank"]).all() and "nowhere" not in first
    with pytest.raises(UserError, match="static vectors"):
        train_static(["one"], SMALL)


def test_senses_are_sentences_with_the_word_once(tmp_path: Path) -> None:
    shipped = read_senses()
    assert len(shipped) >= 10 and all(len({use.label for use in uses}) == 2 for uses in shipped.values())
    path = tmp_path / "senses.toml"
    path.write_text(SENSES)
    with pytest.raises(UserError, match=r"bank\.money is not of the form"):
        read_senses(str(path))
    path.write_text("bank = 3")
    with pytest.raises(UserError, match="no list of senses"):
        read_senses(str(path))
