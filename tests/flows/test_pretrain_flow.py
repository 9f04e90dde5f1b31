"""A training as a child process: its row, kill -9 and resume, errors in words; text out of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from flows.child import run_child
from flows.exporting import export
from flows.generation import Text, find_training, generate, load_language, write
from flows.importing import import_model
from flows.lineage import Seen, steps_that_saw
from flows.steps import run_step
from flows.tokens_flow import write_meta
from flows.tokens_task import TokensJob, encode_shard, make_tokenizer
from flows.training_task import identify, read_token_set, train_once
from model.checkpoint import load_model
from model.config import ModelConfig, TrainConfig
from model.memory import count_parameters
from model.objective_config import training_model
from model.order import Order
from model.parts import LstmConfig
from model.presets import preset
from model.specs import TrainingSpec
from model.train import train
from pipeline.tokens_config import TokensConfig
from storage import schema
from storage.errors import Fatal, UserError
from storage.lake import Lake
from storage.shards import read_table, write_table

CONFIG = TokensConfig(vocab_size=512, sequence_length=16)
MODEL = ModelConfig(d_model=32, n_layers=1, n_heads=2, n_kv_heads=1)
TRAIN = TrainConfig(train_tokens=16 * 8 * 100, batch_tokens=16 * 8, checkpoint_steps=5, eval_sequences=4)
TOKENS = "tokens/toy/t"


@pytest.fixture(scope="module")
def tokens_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(str(tmp_path_factory.mktemp("lake")))
    rows: list[dict[str, Any]] = [
        dict.fromkeys(schema.CORPUS.names)
        | {"text": f"Page {i} says: a model learns what comes next. " * 5, "id": f"doc-{i}", "dump": "d",
           "file_path": "f", "domain": "web", "token_count": 1, "epoch": 0,
           "split": "train" if i % 5 else "held_out"}
        for i in range(60)
    ]  # fmt: skip

    def work() -> Any:
        table = pa.Table.from_pylist(rows, schema.CORPUS)
        return [write_table(lake.root, "corpus/toy/c/part-0.parquet", "corpus", table)], {}

    corpus = run_step(lake, "mix", "toy", "c", work)
    make_tokenizer(lake, TOKENS, ["corpus/toy/c/part-0.parquet"], CONFIG)
    job = TokensJob(lake.root, TOKENS, "corpus/toy/c/part-0.parquet", 0, CONFIG)
    write_meta(lake, corpus, "t", CONFIG, [encode_shard(job)])
    return lake


@pytest.fixture(scope="module")
def row(tokens_lake: Lake) -> dict[str, Any]:
    return train_once(tokens_lake, "rung", TOKENS, MODEL, TRAIN, threads=1)


def copy_of(lake: Lake, to: Path) -> Lake:
    shutil.copytree(Path(lake.root) / "tokens", to / "tokens")
    return Lake(str(to))


def test_a_training_leaves_its_row(tokens_lake: Lake, row: dict[str, Any]) -> None:
    tokens = read_token_set(tokens_lake, TOKENS)
    count = count_parameters(MODEL.model_copy(update={"vocab_size": tokens.vocab_size}))
    assert (row["params_total"], row["params_non_embedding"]) == (count.total, count.non_embedding)
    assert row["flops"] == 6 * count.total * row["train_tokens"]
    assert row["train_tokens"] == TRAIN.train_tokens and row["unique_tokens"] == tokens.train.unique.tokens
    assert row["curve"][0]["loss"] > row["train_loss"] > 0 and len(row["curve"]) == 100
    assert tokens_lake.rows("trainings") == [row]
    assert Path(tokens_lake.absolute(row["checkpoint"])).is_file()
    assert json.loads(row["config"])["train"]["train_tokens"] == TRAIN.train_tokens


@pytest.mark.parametrize("name", ["tiny-gpt2", "tiny-bert", "tiny-bert-pairs", "tiny-t5", "tiny-elmo"])
def test_every_kind_of_model_learns_from_the_same_tokens(tokens_lake: Lake, tmp_path: Path, name: str) -> None:
    """In this process: a child more for each would take longer than its training."""
    torch.set_num_threads(1)
    small = {"d_model": 32, "n_layers": 1, "ffn_dim": 64, "max_positions": 32}
    others = {
        "tiny-t5": {"decoder_layers": 1},
        "tiny-elmo": {"lstm": LstmConfig(cells=48, filters=((1, 16), (2, 16)), word_chars=12)},
    }
    model = preset(name).model_copy(update=small | others.get(name, {}))
    tokens = read_token_set(tokens_lake, TOKENS)
    config = TRAIN.model_copy(update={"learning_rate": 1e-2, "train_tokens": 16 * 8 * 40, "eval_sequences": 64})
    spec = TrainingSpec(
        tokens_dir=tokens_lake.absolute(TOKENS), out_dir=str(tmp_path), device="cpu", train=config, threads=1,
        model=training_model(model, tokens, config.objective),
    )  # fmt: skip
    result = train(spec)
    losses = [point.loss for point in result.curve]
    assert sum(losses[-10:]) / 10 < 0.8 * losses[0]
    assert result.eval_loss < 0.8 * losses[0]
    assert load_model(str(tmp_path / result.weights)).config == spec.model


def test_a_finished_training_is_not_run_again(tokens_lake: Lake, row: dict[str, Any]) -> None:
    events: list[Any] = []
    again = train_once(tokens_lake, "rung", TOKENS, MODEL, TRAIN, threads=1, listen=events.append)
    assert again == row and events == []


def test_killed_and_asked_to_end_it_goes_on_and_is_the_same_to_the_bit(
    tokens_lake: Lake, row: dict[str, Any], tmp_path: Path
) -> None:
    lake = copy_of(tokens_lake, tmp_path)
    signals = [signal.SIGKILL, signal.SIGTERM]

    def end_it(event: dict[str, Any]) -> None:
        """From the start on a thread waits for a checkpoint: events come too late, the training takes a second."""
        if event["event"] == "start" and signals:
            threading.Thread(target=end_when_saved, args=(event["process"], signals.pop(0))).start()

    def end_when_saved(process: int, number: int) -> None:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("checkpoints/*/step-*.safetensors")) and time.monotonic() < deadline:
            time.sleep(0.001)
        os.kill(process, number)

    slow = TRAIN.model_copy(update={"checkpoint_steps": 1})
    with pytest.raises(Fatal, match="ended by signal 9"):
        train_once(lake, "rung", TOKENS, MODEL, slow, threads=1, listen=end_it)
    with pytest.raises(Fatal, match=r"asked to stop; step \d+ is saved"):
        train_once(lake, "rung", TOKENS, MODEL, TRAIN, threads=1, listen=end_it)
    assert lake.rows("trainings") == []
    resumed = train_once(lake, "rung", TOKENS, MODEL, TRAIN, threads=1)
    same = ("curve", "eval_loss", "eval_domains", "batches_digest", "training_id")
    assert {key: resumed[key] for key in same} == {key: row[key] for key in same}


def test_errors_of_the_child_come_back_by_kind(tokens_lake: Lake, tmp_path: Path) -> None:
    lake = copy_of(tokens_lake, tmp_path)
    with pytest.raises(UserError, match="no finished tokens"):
        train_once(lake, "rung", "tokens/nowhere", MODEL, TRAIN)
    (tmp_path / TOKENS / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match="tokenizer"):
        train_once(lake, "rung", TOKENS, MODEL, TRAIN, threads=1)
    with pytest.raises(Fatal, match="ended with code"):
        list(run_child("model.nothing", "-"))


def test_the_id_is_all_that_decides_the_result(tokens_lake: Lake) -> None:
    tokens = read_token_set(tokens_lake, TOKENS)
    ids = {
        identify("rung", tokens, MODEL, TRAIN),
        identify("other", tokens, MODEL, TRAIN),
        identify("rung", tokens, MODEL, TRAIN.model_copy(update={"seed": 1})),
        identify("rung", tokens, MODEL.model_copy(update={"n_layers": 2}), TRAIN),
        identify("rung", tokens.model_copy(update={"fingerprint": "u"}), MODEL, TRAIN),
    }
    assert len(ids) == 5
    often = TRAIN.model_copy(update={"checkpoint_steps": 1})
    assert identify("rung", tokens, MODEL, often) in ids


def test_text_comes_out_of_a_training(tokens_lake: Lake, row: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"max_tokens": 12, "seed": 3, "threads": 1}
    text = "".join(generate(tokens_lake, "Page", "rung", **asked))
    assert text
    assert find_training(tokens_lake, row["training_id"][:6]) == row
    with pytest.raises(UserError, match="rung"):
        find_training(tokens_lake, "no such training")
    assert find_training(tokens_lake, "latest") == row


def test_several_prompts_are_written_on_with_reasons(tokens_lake: Lake, row: dict[str, Any]) -> None:
    whole = list(write(tokens_lake, ["Page", ""], "rung", why=2, max_tokens=12, temperature=0, threads=1))
    assert {piece.row for piece in whole} == {0, 1}
    assert all(len(piece.why) == 2 and piece.why[0][0] == piece.token for piece in whole if piece.token is not None)


@pytest.mark.parametrize(
    ("stop", "shown"),
    [([], "a learner learns, é"), (["lear"], "a "), (["learns"], "a learner "), (["earx", ", é"], "a learner learns")],
)
def test_stop_strings_end_a_text_and_are_never_shown(tokens_lake: Lake, stop: list[str], shown: str) -> None:
    tokenizer, _ = load_language(tokens_lake, TOKENS, "meta.json")
    text = Text(tokenizer, stop)
    found = ""
    for token in tokenizer.encode("a learner learns, é").tolist():
        if not text.ended:
            found += text.add(token)
            assert shown.startswith(found)
    assert found + text.finish() == shown


def test_an_exported_training_is_the_same_model_in_transformers(
    tokens_lake: Lake, row: dict[str, Any], tmp_path: Path
) -> None:
    folder = tmp_path / "exported"
    written = export(tokens_lake, "latest", str(folder))
    assert written["architecture"] == "LlamaForCausalLM" and written["training"] == row["training_id"]
    theirs = AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("the corpus is read once", return_tensors="pt").input_ids
    ours = load_model(tokens_lake.absolute(row["checkpoint"]))
    torch.testing.assert_close(theirs(ids).logits, ours(ids), rtol=1e-5, atol=1e-5)
    assert (
        tokenizer.decode(ids[0]) == "the corpus is read once" and tokenizer.eos_token_id == theirs.config.eos_token_id
    )
    with pytest.raises(UserError, match="holds a model already"):
        export(tokens_lake, "latest", str(folder))
    other = Lake(str(tmp_path / "other"))
    assert import_model(other, str(folder), "back")["parameters"] == row["params_total"]
    again = load_model(other.absolute(find_training(other, "back")["checkpoint"]))
    assert torch.equal(again(ids), ours(ids))
    with pytest.raises(UserError, match="already"):
        import_model(other, str(folder), "back")


def test_from_a_document_one_finds_the_steps_that_saw_it(tokens_lake: Lake, row: dict[str, Any]) -> None:
    tokens = read_token_set(tokens_lake, TOKENS)
    table = read_table(tokens_lake.absolute(f"{TOKENS}/train-00000.parquet"))
    order = Order(tokens.train.sequences, TRAIN.seed)
    for doc_id in ("doc-1", "doc-17"):
        seen = steps_that_saw(tokens_lake, row, TOKENS, [doc_id])
        rows = [i for i, names in enumerate(table["doc_ids"].to_pylist()) if doc_id in names]
        assert list(seen.sequences) == rows
        steps = [step for step in range(100) if set(order.rows(8 * step, 8).tolist()) & set(rows)]
        assert list(seen.steps) == [step + 1 for step in steps]
    assert steps_that_saw(tokens_lake, row, TOKENS, ["nobody"]) == Seen((), ())


def test_the_row_says_what_was_trained_on_what_and_how_well(tokens_lake: Lake, row: dict[str, Any]) -> None:
    tokens = read_token_set(tokens_lake, TOKENS)
    assert row["corpus_fingerprint"] == tokens.corpus_fingerprint == "c"
    assert row["tokenizer_sha256"] == tokens.tokenizer_sha256
    assert row["params_matmul"] < row["params_total"]
    assert row["epochs"] == pytest.approx(row["train_tokens"] / tokens.train.total.tokens)
    assert [found["domain"] for found in row["eval_domains"]] == ["web"]
    assert row["eval_domains"][0]["bits_per_byte"] == pytest.approx(row["eval_bits_per_byte"])
    assert 0 < row["mfu"] < 0.75 and row["device_flops"] > 1e8 and "median step" in row["mfu_convention"]
    assert row["flops_exact"] > 0 and row["memory_bytes"] > 1e7 and row["ranks"] == 1 and row["events"] == []
    config = json.loads(row["config"])["train"]
    assert config["beta2"] is not None and config["warmup_frac"] == row["warmup_frac"]
    assert list(Path(tokens_lake.absolute(row["checkpoint"])).parent.glob("tensorboard/*.tfevents.*"))
