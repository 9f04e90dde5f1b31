"""Two corpora on one ladder: what is measured on, what is told, and what cannot be compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from flows import compare_flow as module
from flows import ladder_training
from flows.compare_flow import CompareRequest, common_documents, compare_flow, describe_comparison, write_held_out
from flows.report.scaling_figures import comparison
from flows.steps import find_step, run_step
from model.config import ModelConfig, TrainConfig
from model.memory import count_parameters
from model.scaling.ladder import LadderConfig, Shape
from model.token_set import Counts, Split, TokenSet
from storage import schema
from storage.errors import UserError
from storage.files import write_bytes
from storage.lake import Lake
from storage.shards import read_table, write_table

LADDER = LadderConfig(
    sizes=tuple(Shape(d_model=width, n_layers=1, n_heads=1, n_kv_heads=1) for width in (8, 16, 32)),
    train_tokens=(50_000, 200_000),
    seeds=(0, 1),
)
HELD_OUT = {"a": 4, "b": 2}
"""One document in so many, by its number."""


def add_corpus(lake: Lake, name: str, documents: range, vocabulary: int = 512) -> None:
    """A corpus of numbered documents and the books of its token set, whose sequences are not there."""
    rows = [
        dict.fromkeys(schema.CORPUS.names)
        | {"text": f"document {i} " * 40, "id": f"doc-{i}", "domain": "web", "epoch": 0, "token_count": 1}
        | {"dump": "d", "file_path": "f", "split": "train" if i % HELD_OUT[name] else "held_out"}
        for i in documents
    ]
    corpus, tokens = name * 4, name * 5
    shard = f"{lake.corpus_dir(name, corpus)}/part-0.parquet"
    output = write_table(lake.root, shard, "corpus", pa.Table.from_pylist(rows, schema.CORPUS))
    run_step(lake, "mix", name, corpus, lambda: ([output], {}))
    split = Split(files=(), sequences=9, total=Counts(tokens=10**6), unique=Counts(tokens=10**6), domains={})
    made = TokenSet(
        name=name, fingerprint=tokens, corpus_fingerprint=corpus, tokenizer_sha256="0" * 64, vocab_size=vocabulary,
        end_id=0, pad_id=1, end_of_document="<end>", padding="<pad>", sequence_length=32, width=33,
        train=split, held_out=split,
    )  # fmt: skip
    directory = lake.absolute(lake.tokens_dir(name, tokens))
    write_bytes(f"{directory}/meta.json", made.model_dump_json().encode())
    run_step(lake, "tokens", name, tokens, lambda: ([], made.model_dump(mode="json")))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    add_corpus(lake, "a", range(600))
    add_corpus(lake, "b", range(200, 900))
    return lake


def pretend(monkeypatch: pytest.MonkeyPatch, effect: float) -> list[str]:
    """Trainings whose loss is a law's, lower by `effect` on b, with the noise of their seed; their names."""
    trained: list[str] = []

    def train_once(lake: Lake, name: str, tokens_dir: str, model: ModelConfig, train: TrainConfig, **_: Any) -> Any:
        trained.append(name)
        size = count_parameters(model).total
        return {"training_id": name, "checkpoint": f"{size}-{train.train_tokens}-{train.seed}-{name[0]}"}

    def run_child(module: str, argument: str, standard_input: str) -> Any:
        spec = json.loads(standard_input)
        assert Path(spec["texts"]).exists()
        for path in spec["weights"]:
            size, tokens, seed, side = Path(path).name.split("-")
            luck = 0.003 * np.random.default_rng([int(size), int(tokens), int(seed), side == "b"]).standard_normal()
            loss = 2 + 30 * int(size) ** -0.4 + 100 * int(tokens) ** -0.4 - effect * (side == "b") + luck
            yield {"event": "measured", "weights": path, "bits_per_byte": loss}

    monkeypatch.setattr(ladder_training, "train_once", train_once)
    monkeypatch.setattr(module, "run_child", run_child)
    return trained


@pytest.mark.parametrize("effect, says", [(0.05, "b is better"), (0.0, "not distinguishable")])
def test_both_corpora_climb_the_same_ladder(
    api: str, lake: Lake, monkeypatch: pytest.MonkeyPatch, effect: float, says: str
) -> None:
    trained = pretend(monkeypatch, effect)
    found = compare_flow(CompareRequest(a="a", b="b", config=LADDER, lake=lake.root, workers=1))
    sides = {side: sorted(name[1:] for name in trained if name[0] == side) for side in "ab"}
    assert sides["a"] == sides["b"] and len(sides["a"]) == 12
    assert found.verdict.startswith(f"over these rungs {says}")
    assert found.mean.low < -effect < found.mean.high
    assert {rung.seeds for rung in found.rungs} == {2}
    told = "\n".join(describe_comparison(found))
    assert "seeds move a difference" in told and says in told
    rows = [row for uri in lake.files_of("evaluations") for row in read_table(uri).to_pylist()]
    assert {row["kind"] for row in rows} == {"comparison"} and len(rows) == 8
    whole = next(row for row in rows if row["part"] == "all")
    figure = comparison(json.loads(whole["details"]), whole["name"])
    assert figure.svg is not None and says in figure.caption


def test_only_what_neither_side_trained_on_is_measured(lake: Lake) -> None:
    sides = [find_step(lake, "tokens", name, "") for name in ("a", "b")]
    path = lake.absolute(write_held_out(lake, sides))
    texts = [json.loads(line)["text"] for line in Path(path).read_text().splitlines()]
    numbers = {int(text.split()[1]) for text in texts}
    assert numbers == {i for i in range(200, 600) if i % HELD_OUT["a"] == 0}
    assert len(texts) == len(numbers) > 50


def test_corpora_that_share_little_are_measured_on_what_either_has() -> None:
    long = {f"{i}": "word " * 1000 for i in range(20)}
    assert common_documents([long, {**long, "b": "only here"}]) == long
    assert set(common_documents([long, {"b": "only here"}])) == {*long, "b"}


def test_what_cannot_be_compared_is_told(lake: Lake) -> None:
    with pytest.raises(UserError, match="same corpus"):
        compare_flow.fn(CompareRequest(a="a", b="a", lake=lake.root))
    add_corpus(lake, "b", range(9), vocabulary=1024)
    with pytest.raises(UserError, match=r"differ in vocab_size: 512 and 1,024"):
        compare_flow.fn(CompareRequest(a="a", b="b", lake=lake.root))
    with pytest.raises(UserError, match="no finished tokens of c"):
        compare_flow.fn(CompareRequest(a="a", b="c", lake=lake.root))
