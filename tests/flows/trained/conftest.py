"""A small lake from pages to a trained decoder and a trained encoder, shared by the tests of what is asked of models.

Processes that would compute with torch run here instead: starting one takes longer than its work. Those of
`tests/flows/test_pretrain_flow.py` are real.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from flows import exporting, held_out, training_task
from flows.embedding import passages
from flows.steps import run_step
from flows.tokens_flow import write_meta
from flows.tokens_task import TokensJob, encode_shard, make_tokenizer
from flows.training_task import train_once
from model.config import ModelConfig, TrainConfig
from model.embedding import EmbedSpec
from model.presets import preset
from model.scoring import PseudoSpec, ScoreSpec
from model.specs import ExportSpec, TrainingSpec
from model.train import train
from pipeline.tokens_config import TokensConfig
from storage import files, schema
from storage.lake import Lake
from storage.shards import write_table
from tests.lakes import PageSpec, add_archive, add_run

CONFIG = TokensConfig(vocab_size=512, sequence_length=16)
HOSTILE = "<script>alert(1)</script>\u202e"
TEXTS = {
    "web": f"The man went to the bank to get money from the tree {HOSTILE} while the sun was hot and the river low.",
    "books": "The boat lay on the bank of the river under a tree in the light of the sun, and money was not there.",
}
SPECS: dict[str, tuple[Any, str]] = {
    "model.embed": (EmbedSpec, "_work"),
    "model.score": (ScoreSpec, "_work"),
    "model.pseudo": (PseudoSpec, "_work"),
    "model.export": (ExportSpec, "export"),
}


def run_here(module: str, argument: str, standard_input: str = "", ranks: int = 1) -> Iterator[dict[str, Any]]:
    """What `flows.child.run_child` gives, without a process."""
    events: list[dict[str, Any]] = []
    if module == "model.train":
        with files.open_read(argument) as stream:
            train(TrainingSpec.model_validate_json(stream.read()))
        return iter(events)
    code, (spec, work) = importlib.import_module(module), SPECS[module]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code, "emit", lambda event, **values: events.append({"event": event, **values}))
        if hasattr(code, "settle"):
            patch.setattr(code, "settle", lambda threads: None)
        getattr(code, work)(spec.model_validate_json(standard_input))
    return iter(events)


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (exporting, held_out, passages):
        monkeypatch.setattr(module, "run_child", run_here)


@pytest.fixture(scope="session")
def trained_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Pages and a corpus of 60 documents in two domains, tokens, and trainings `toy` and `toy-bert`."""
    lake = Lake(str(tmp_path_factory.mktemp("lake")))
    names = [f"{domain}-{i}" for i in range(30) for domain in TEXTS]
    add_archive(lake, "a.warc.gz", [*map(PageSpec, names), PageSpec("short", ("gopher.word_count",))])
    rows: list[dict[str, Any]] = [
        dict.fromkeys(schema.CORPUS.names)
        | {"text": f"Page {name} says: {TEXTS[name.partition('-')[0]]}", "id": name, "dump": "c1"}
        | {"domain": name.partition("-")[0], "token_count": 1, "epoch": 0, "file_path": "a.warc.gz"}
        | {"split": "train" if int(name.partition("-")[2]) % 5 else "held_out"}
        for name in names
    ]

    def work() -> Any:
        table = pa.Table.from_pylist(rows, schema.CORPUS)
        return [write_table(lake.root, "corpus/toy/c/part-0.parquet", "corpus", table)], {}

    corpus = run_step(lake, "mix", "toy", "c", work)
    make_tokenizer(lake, "tokens/toy/t", ["corpus/toy/c/part-0.parquet"], CONFIG)
    job = TokensJob(lake.root, "tokens/toy/t", "corpus/toy/c/part-0.parquet", 0, CONFIG)
    shard = encode_shard(job)
    run_step(
        lake, "tokens", "toy", "t",
        lambda: ([shard.output(split) for split in ("train", "held_out")],
                 write_meta(lake, corpus, "t", CONFIG, [shard]).model_dump(mode="json")),
    )  # fmt: skip
    add_run(lake, "r1", [("annotate", "c1/a.warc.gz", "a" * 16), ("mix", "toy", "c")])
    budget = TrainConfig(train_tokens=16 * 8 * 12, batch_tokens=16 * 8, learning_rate=1e-2, eval_sequences=2)
    small = {"d_model": 32, "n_layers": 2, "n_heads": 2, "n_kv_heads": 1}
    encoder = preset("tiny-bert").model_copy(update=small | {"n_kv_heads": 2, "ffn_dim": 48, "max_positions": 40})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_task, "run_child", run_here)
        train_once(lake, "toy-bert", "tokens/toy/t", encoder, budget, threads=1, device="cpu")
        train_once(lake, "toy", "tokens/toy/t", ModelConfig(**small), budget, threads=1, device="cpu")
    return lake
