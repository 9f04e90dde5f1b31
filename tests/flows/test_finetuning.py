"""Fine-tunings from labelled files to rows: what is done is not done again, and what is a point of a curve."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats
from typer.testing import CliRunner

from flows import predicting
from flows.cli import app
from flows.exporting import export
from flows.finetune_encoding import marks_of
from flows.finetune_settings import config_of, rates_of, sizes_of, starts_of
from flows.finetuning import Start, _attempt, finetune, written_scores
from flows.label_efficiency import efficiencies, flat, mean_of, table_rows
from flows.labelled_data import Data, read_data
from flows.predict_rows import read_rows
from flows.predicting import find_kept, predict
from flows.tables import json_pieces, to_json
from model.build import build_model
from model.checkpoint import save_weights
from model.config import ModelConfig
from model.finetune.config import FinetuneConfig
from model.token_set import Counts, Split, TokenSet
from pipeline.labelled.examples import Instructed, Labelled
from pipeline.tokens import train_tokenizer
from pipeline.tokens_config import TokensConfig
from storage import schema
from storage.catalog import Catalog
from storage.errors import UserError
from storage.lake import Lake
from storage.shards import write_table
from tests.flows.full_lake import finetuning_row

CONFIG = FinetuneConfig(min_steps=60, epochs=1, batch_examples=8, learning_rate=2e-2, checks=2, dropout=0)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """With one model, as `winnow import` leaves it."""
    lake = Lake(str(tmp_path / "lake"))
    text = "good fine bright film; bad dull grey film. " * 30
    content = train_tokenizer([text], TokensConfig(vocab_size=512))
    folder = Path(lake.absolute("imported/toy"))
    folder.mkdir(parents=True)
    size = max(json.loads(content)["model"]["vocab"].values()) + 1
    model = ModelConfig(vocab_size=size, d_model=16, n_layers=1, n_heads=2, n_kv_heads=1)
    save_weights(str(folder / "model.safetensors"), build_model(model, 1), "d")
    nothing = Split(files=(), sequences=0, total=Counts(), unique=Counts(), domains={})
    tokens = TokenSet(
        name="toy", fingerprint="f", corpus_fingerprint="", tokenizer_sha256="d", vocab_size=size, end_id=0, pad_id=1,
        end_of_document="<|end_of_text|>", padding="[PAD]", sequence_length=64, width=65, train=nothing,
        held_out=nothing, left_out=Counts(),
    )  # fmt: skip
    (folder / "tokens.json").write_text(tokens.model_dump_json())
    (folder / "tokenizer.json").write_text(content)
    row = {"training_id": "toy0", "name": "toy", "config": json.dumps({"model": model.model_dump()})}
    row |= {"checkpoint": "imported/toy/model.safetensors", "finished_at": "2026-01-01T00:00:00+00:00"}
    (folder / "model.json").write_text(json.dumps(row))
    return lake


@pytest.fixture
def films(tmp_path: Path) -> str:
    words = {"good": ("good", "fine", "bright"), "bad": ("bad", "dull", "grey")}
    lines = [f"{label} a {words[label][n % 3]} film no {n}" for n in range(24) for label in words]
    (tmp_path / "films.txt").write_text("\n".join(lines))
    return str(tmp_path / "films.txt")


def test_a_model_learns_from_a_file_and_leaves_a_row(lake: Lake, films: str) -> None:
    data = read_data("classification", films, held_out_frac=0.4)
    starts = [Start(pretrained, None, 0) for pretrained in (True, False)]
    seen: list[str] = []
    rows = finetune(lake, "toy", data, CONFIG, starts, keep=True, threads=1, listen=seen.append)
    assert [row["value"] for row in rows] == pytest.approx([1.0, 1.0], abs=0.2)
    found = Catalog(lake).query("SELECT * FROM finetunings ORDER BY start").to_pylist()
    assert [row["start"] for row in found] == ["pretrained", "scratch"]
    assert found == sorted((flat(row) for row in rows), key=lambda row: row["start"])
    assert found[0]["examples"] == len(data.train) and found[0]["measured_examples"] == len(data.measure)
    assert found[0]["pretrain_flops"] is None and found[0]["seconds"] > 0
    for key in seen:
        folder = Path(lake.absolute(f"finetuned/{key}"))
        assert (folder / "task.safetensors").is_file()
        lines = (folder / "predictions.jsonl").read_text().splitlines()
        assert len(lines) == len(data.measure) and json.loads(lines[0])["prediction"] in ("good", "bad")
    _is_applied_as_it_was_measured(lake, rows[1], data)
    _is_applied_as_rows_come(lake, rows[1])
    stamps = [row["finished_at"] for row in rows]
    again = finetune(lake, "toy", data, CONFIG, starts, threads=1)
    assert [row["finished_at"] for row in again] == stamps


def _is_applied_as_it_was_measured(lake: Lake, row: dict[str, Any], data: Data) -> None:
    """What `winnow predict` says of the measured texts gives the row's accuracy; labels it finds are handed on."""
    gold: list[Any] = [example.label for example in data.measure if isinstance(example, Labelled)]
    texts = [example.text for example in data.measure if isinstance(example, Labelled)]
    asked = [{"text": text, "label": label} for text, label in zip(texts, gold, strict=True)]
    told = list(predict(lake, find_kept(lake, row["evaluation_id"][:12]), asked, threads=1))
    assert [one["label"] for one in told] == gold and [one["text"] for one in told] == texts
    assert sum(one["prediction"] == one["label"] for one in told) / len(told) == row["value"]
    nats = [-math.log(one["probabilities"][one["label"]]) for one in told]
    assert sum(nats) / len(nats) == pytest.approx(json.loads(row["details"])["metrics"]["loss"], rel=1e-4)
    assert all(one["probability"] == max(one["probabilities"].values()) for one in told)
    folder = Path(lake.absolute("exported"))
    with pytest.raises(UserError, match="a decoder's last token without a bias"):
        export(lake, "latest", str(folder), finetuning=row["part"])
    assert [*folder.iterdir()] == []


def _is_applied_as_rows_come(lake: Lake, row: dict[str, Any]) -> None:
    """Few rows are in memory together, the same rows come out, and a file is there whole or not at all."""
    folder, taken = Path(lake.root).parent, 0
    asked = [{"text": f"a {word} film", "n": n} for n, word in enumerate(("good", "dull", "fine") * 5)]
    kept = find_kept(lake, row["evaluation_id"])
    whole = list(predict(lake, kept, asked, threads=1))

    def source() -> Iterator[dict[str, Any]]:
        nonlocal taken
        for taken, one in enumerate(asked, 1):  # noqa: B007
            yield one

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predicting, "AT_ONCE", 4)
        found = []
        for one in predict(lake, kept, source(), threads=1):
            found.append(one)
            assert taken <= -(-len(found) // 4) * 4
        assert [one["n"] for one in found] == [*range(15)]
        for one, other in zip(found, whole, strict=True):
            assert one["prediction"] == other["prediction"]
            assert one["probability"] == pytest.approx(other["probability"], rel=1e-5)
        said, lines = folder / "said.jsonl", [json.dumps(one) for one in asked]
        command = ["predict", row["evaluation_id"], str(folder / "rows.jsonl"), "--out", str(said), "--threads", "1"]
        (folder / "rows.jsonl").write_text("\n".join([*lines, '{"text": 3}']))
        refused = CliRunner().invoke(app, [*command, "--lake", lake.root])
        assert isinstance(refused.exception, UserError) and "row 16 does not fit" in str(refused.exception)
        assert [path.name for path in folder.glob("*said*")] == []
        (folder / "rows.jsonl").write_text("\n".join(lines))
        assert CliRunner().invoke(app, [*command, "--lake", lake.root]).output == f"15 rows written to {said}\n"
        assert [json.loads(line) for line in said.read_text().splitlines()] == found
    assert "".join(json_pieces(found)) == to_json(found) and "".join(json_pieces([])) == to_json([])


def test_rows_are_read_whatever_wrote_them_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mark.jsonl").write_bytes(b'\xef\xbb\xbf{"text": "a"}\n')
    times = {"ns": pa.array([1_600_000_000_000_000_123], pa.timestamp("ns")), "late": pa.array([10**7], pa.date32())}
    for name, time in times.items():
        pq.write_table(pa.table({"text": ["a"], "time": time}), tmp_path / f"{name}.parquet")
    assert list(read_rows("classification", [str(tmp_path / "mark.jsonl")])) == [{"text": "a"}]
    [row] = read_rows("classification", [str(tmp_path / "ns.parquet")])
    assert row["time"] == datetime(2020, 9, 13, 12, 26, 40)
    damaged = bytearray((tmp_path / "ns.parquet").read_bytes())
    damaged[10:40] = b"\xff" * 30
    (tmp_path / "damaged.parquet").write_bytes(damaged)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a \xff\n"), "utf-8"))
    for name, words in (("late", "Python has none for"), ("damaged", "is no Parquet file"), ("-", "is not UTF-8")):
        given = name if name == "-" else str(tmp_path / f"{name}.parquet")
        with pytest.raises(UserError, match=words):
            list(read_rows("classification", [given]))


def test_what_is_to_be_predicted_is_read_or_refused(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"question": "Who?", "context": "Ann did.", "id": 7}, {"question": "Where?", "context": "In Rome."}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "asked.parquet")
    found = list(read_rows("qa", [str(tmp_path / "asked.parquet")]))
    assert found == [rows[0], rows[1] | {"id": None}]
    monkeypatch.setattr("sys.stdin", io.StringIO('a film\n\n{"text": "dull", "n": 1}\n'))
    assert list(read_rows("classification", ["-", "fine"])) == [
        {"text": "a film"},
        {"text": "dull", "n": 1},
        {"text": "fine"},
    ]
    assert list(read_rows("pairs", ["a"], "b")) == [{"text": "a", "second": "b"}]
    (tmp_path / "bad.jsonl").write_text('{"text": "fine"}\nfine\n')
    for task, given, second, words in (
        ("pairs", ["a"], None, "reads two texts: text and second"),
        ("classification", ["a"], "b", "reads one text"),
        ("classification", [str(tmp_path / "none.jsonl")], None, "there is no file"),
        ("classification", [str(tmp_path / "bad.jsonl")], None, "line 2 of .* is no JSON"),
        ("classification", [], None, "no text to apply it to"),
    ):
        with pytest.raises(UserError, match=words):
            list(read_rows(task, given, second))  # type: ignore[arg-type]
    with pytest.raises(UserError, match="there is no fine-tuning 'SST' in the lake"):
        find_kept(lake, "SST")
    row = finetuning_row("demo", "encoder", "pretrained", 100, 0, 0.5)
    table = pa.Table.from_pylist([row], schema.EVALUATIONS)
    write_table(lake.root, lake.evaluation_path(row["evaluation_id"]), "evaluations", table)
    with pytest.raises(UserError, match="were not kept"):
        find_kept(lake, row["part"])


def test_what_cannot_be_is_said(lake: Lake, films: str, tmp_path: Path) -> None:
    data = read_data("classification", films)
    with pytest.raises(UserError, match="1000 examples were asked for; there are"):
        finetune(lake, "toy", data, CONFIG, [Start(True, 1000, 0)])
    one = CONFIG.model_copy(update={"learning_rate": 1e-3})
    with pytest.raises(UserError, match="both one learning rate and several"):
        finetune(lake, "toy", data, one, [Start(True, 20, 0)], rates=[1e-3, 1e-2])
    with pytest.raises(UserError, match="there is no file"):
        read_data("classification", str(tmp_path / "none"))
    (tmp_path / "latin").write_bytes(b"1 fine\n1 caf\xe9\n")
    with pytest.raises(UserError, match=r"line 2 of .* is not utf-8"):
        read_data("classification", str(tmp_path / "latin"))
    with pytest.raises(UserError, match=r"too little to (learn from|measure on)"):
        read_data("classification", films, held_out_frac=0.0)


def test_fewer_examples_are_part_of_more_and_both_starts_have_the_same(lake: Lake) -> None:
    few, many = (_attempt(lake, Start(True, count, 3), "k", CONFIG, 100, False) for count in (40, 80))
    scratch = _attempt(lake, Start(False, 40, 3), "k", CONFIG, 100, False)
    assert {*few.rows, *few.choice} < {*many.rows, *many.choice}
    assert (scratch.rows, scratch.choice) == (few.rows, few.choice) and len(few.choice) == 10
    assert not {*few.rows} & {*few.choice}


def test_settings_of_the_command_line() -> None:
    config = config_of(['mode="lora"', "lora.rank=4", "epochs=2"])
    assert (config.mode, config.lora.rank, config.epochs) == ("lora", 4, 2.0)
    assert config_of(["mode=frozen"]).mode == "frozen"
    assert rates_of("1e-3,3e-4") == [3e-4, 1e-3] and rates_of(None) == []
    for text in ("fast", "0", "1e-3,-1", "nan"):
        with pytest.raises(UserError, match="--rates"):
            rates_of(text)
    assert starts_of("both", sizes_of("100,all"), 2)[:3] == [
        Start(True, 100, 0),
        Start(False, 100, 0),
        Start(True, 100, 1),
    ]
    for change, words in (
        ("epoch=2", "no setting epoch"),
        ("epochs=-1", "setting epochs"),
        ("epochs", r"is not \[section\.\]key=value"),
    ):
        with pytest.raises(UserError, match=words):
            config_of([change])
    with pytest.raises(UserError, match="not numbers or all"):
        sizes_of("100,many")


def test_points_are_means_over_seeds_and_gains_are_paired(tmp_path: Path) -> None:
    lake, values = Lake(str(tmp_path)), {"pretrained": [0.8, 0.9, 0.85], "scratch": [0.6, 0.72, 0.63]}
    for start, scores in values.items():
        for seed, score in enumerate(scores):
            row = finetuning_row("demo", "encoder", start, 100, seed, score)
            table = pa.Table.from_pylist([row], schema.EVALUATIONS)
            write_table(lake.root, lake.evaluation_path(row["evaluation_id"]), "evaluations", table)
    (one,) = efficiencies(Catalog(lake).query("SELECT * FROM finetunings").to_pylist())
    ((examples, gain),) = one.gains
    pairs = [a - b for a, b in zip(*values.values(), strict=True)]
    interval = stats.ttest_1samp(pairs, 0).confidence_interval(0.95)
    assert examples == 100 and (gain.low, gain.high) == pytest.approx((interval.low, interval.high))
    shown = {row["start"]: row for row in table_rows([one])}
    assert shown["pretrained"]["mean"] == pytest.approx(0.85) and shown["scratch"]["gain"] is None
    assert mean_of([0.5]).low is None


def test_what_a_decoder_writes_is_scored_as_squads() -> None:
    told: Any = [Instructed("2+2", "four"), Instructed("3+3", "six")]
    assert written_scores(["The four", "seven"], told) == {"written_f1": 0.5, "written_match": 0.5}


def test_an_encoder_without_marks_gets_them_behind_its_vocabulary() -> None:
    nothing = Split(files=(), sequences=0, total=Counts(), unique=Counts(), domains={})
    tokens = TokenSet(
        name="t", fingerprint="f", corpus_fingerprint="", tokenizer_sha256="d", vocab_size=50, end_id=7, pad_id=1,
        end_of_document="e", padding="p", sequence_length=64, width=64, train=nothing, held_out=nothing,
        left_out=Counts(),
    )  # fmt: skip
    encoder = marks_of(ModelConfig(causal=False), tokens)
    assert (encoder.first, encoder.between, encoder.last) == (50, 51, 51)
    assert marks_of(ModelConfig(), tokens).first == 7
