"""Ladders as flows, and what `winnow scaling` says of anyone's runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows import ladder_training
from flows import scaling_flow as module
from flows.fit_records import read_fit_records
from flows.scaling_commands import fit, plan
from flows.scaling_flow import ScalingRequest, fit_rows, write_fits
from model.config import ModelConfig, TrainConfig
from model.memory import count_parameters
from model.scaling.ladder import LadderConfig, learning_rate, rungs
from model.scaling.record import chosen_fit, fit_from_record, fit_to_record
from model.scaling.surface import Surface
from storage.errors import Fatal, UserError
from storage.files import write_bytes
from storage.lake import Lake
from tests.flows.full_lake import add_tokens

TRUTH = Surface(E=1.1, A=9.0, B=60.0, alpha=0.22, beta=0.31)


def training(name: str, model: ModelConfig, train: TrainConfig) -> dict[str, Any]:
    """A row as `train_once` gives it, of a model that obeys the law exactly."""
    count = count_parameters(model)
    return {
        "training_id": name,
        "config": json.dumps({"model": model.model_dump()}),
        "unique_tokens": 10**9,
        "name": name,
        "params_total": count.total,
        "params_non_embedding": count.non_embedding,
        "train_tokens": train.train_tokens,
        "flops": 6.0 * count.total * train.train_tokens,
        "learning_rate": train.learning_rate,
        "eval_loss": 3.0,
        "eval_bits_per_byte": float(TRUTH.predict(count.total, train.train_tokens)),
        "wall_seconds": 1.0,
    }


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    tokens = add_tokens(lake)
    path = f"{lake.tokens_dir(tokens.name, tokens.fingerprint)}/meta.json"
    write_bytes(lake.absolute(path), tokens.model_dump_json().encode())
    return lake


def test_the_ladder_is_climbed_and_its_law_written(api: str, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[str] = []

    def train_once(lake: Lake, name: str, tokens_dir: str, model: ModelConfig, train: TrainConfig, **_: Any) -> Any:
        trained.append(name)
        if name.endswith("d64-l3-100k-s0"):
            raise Fatal("the loss of step 7 is nan.", "Lower training.learning_rate.")
        return training(name, model, train)

    monkeypatch.setattr(ladder_training, "train_once", train_once)
    config = LadderConfig(draws=3)
    fits = module.scaling_flow(ScalingRequest(config=config, lake=lake.root, workers=1))
    assert trained[0] == "demo/ladder/d8-l1-100k-s0"
    assert len(trained) == len(set(trained)) == len(fits["total"].chosen.points) + 1
    assert fits["total"].free.surface.alpha == pytest.approx(TRUTH.alpha, rel=1e-5)
    records = read_fit_records(lake)
    assert list(records) == ["total", "non_embedding", "blocks_and_head"]
    assert chosen_fit(records["total"]).surface == fits["total"].chosen.surface
    assert records["total"]["unit"] == "bits a byte"


def test_the_rule_for_the_rate_is_checked_and_corrected(api: str, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses are least at a quarter of the rule's rate, beyond the factors first tried, for every size."""
    rates: dict[str, float] = {}
    rule = LadderConfig()

    def train_once(lake: Lake, name: str, tokens_dir: str, model: ModelConfig, train: TrainConfig, **_: Any) -> Any:
        row = training(name, model, train)
        rates[name] = train.learning_rate
        best = 0.25 * learning_rate(rule, row["params_total"], train.train_tokens)
        return row | {"eval_bits_per_byte": row["eval_bits_per_byte"] + 0.1 * np.log(train.learning_rate / best) ** 2}

    monkeypatch.setattr(ladder_training, "train_once", train_once)
    config = LadderConfig(draws=0, rate_factors=(0.5, 2.0))
    module.scaling_flow(ScalingRequest(config=config, lake=lake.root, workers=1))
    swept = [name for name in rates if "/sweep/" in name]
    assert len(swept) == 2 * 5  # 1/8 to 2: two more were tried on either size, as the best was at the edge
    for name, rate in rates.items():
        if "/ladder/d64-l3-100k" in name or "/ladder/d8-l1-100k" in name:
            size = count_parameters(next(r.model for r in rungs(config, 4096) if name.endswith(r.name))).total
            assert rate == pytest.approx(0.25 * learning_rate(rule, size, 100_000), rel=0.08)


def rows_of(count: int) -> list[dict[str, Any]]:
    sizes = [ModelConfig(d_model=width, n_heads=1, n_kv_heads=1) for width in (16, 32, 64)]
    budgets = [TrainConfig(train_tokens=tokens) for tokens in (10**5, 10**6, 10**7)]
    pairs = [(model, train) for model in sizes for train in budgets][:count]
    return [training(f"run {index}", *pair) for index, pair in enumerate(pairs)]


def test_a_fit_is_written_once_and_the_newest_is_read(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    assert read_fit_records(lake) == {}
    few, all_rows = rows_of(6), rows_of(9)
    first = write_fits(lake, "ladder", few, fit_rows(few, 2, 128), 2)
    written = Path(lake.absolute(first)).read_bytes()
    assert write_fits(lake, "ladder", few, fit_rows(few, 2, 128), 2) == first
    assert Path(lake.absolute(first)).read_bytes() == written
    write_fits(lake, "ladder", all_rows, fit_rows(all_rows, 2, 128), 2)
    assert len(read_fit_records(lake)["total"]["points"]["loss"]) == 9


def test_a_record_gives_the_fit_back() -> None:
    found = fit_rows(rows_of(9), 3, 128)["total"].free
    again = fit_from_record(json.loads(json.dumps(fit_to_record(found))))
    assert again.surface == found.surface and again.draws == found.draws
    assert np.array_equal(again.points.loss, found.points.loss)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    lines = ["params,tokens,loss"]
    for params in (1e6, 1e7, 1e8):
        lines += [f"{params:g},{d:g},{float(TRUTH.predict(params, d))!r}" for d in (1e8, 1e9, 1e10, 1e11)]
    path = tmp_path / "runs.csv"
    path.write_text("\n".join(lines))
    return path


def test_a_table_of_runs_is_fitted(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit(table, draws=3, as_json=True)
    found = json.loads(capsys.readouterr().out)["total"][""]
    assert found["constants"]["beta"]["value"] == pytest.approx(TRUTH.beta, rel=1e-6)
    fit(table, draws=0)
    shown = capsys.readouterr().out
    assert "runs.csv, N total: 12 runs" in shown and "alpha" in shown
    assert "no interval" in shown and "90%" not in shown  # of no samples there is none


def test_a_plan_from_a_table_and_from_the_lake(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan(flops=1e20, points=table, draws=3, as_json=True)
    found = json.loads(capsys.readouterr().out)["total"][""]
    assert found["params"]["value"] == pytest.approx(TRUTH.best_params(1e20), rel=1e-4)
    lake, rows = Lake(str(tmp_path / "lake")), rows_of(9)
    write_fits(lake, "ladder", rows, fit_rows(rows, 2, 128), 2)
    plan(flops=1e16, lake=lake.root)
    assert "over 10 times is a guess" in capsys.readouterr().out


def test_what_cannot_be_read_is_told(table: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing\.csv cannot be read"):
        fit(tmp_path / "nothing.csv")
    table.write_text("params,tokens\n1,2\n")
    with pytest.raises(UserError, match="no column 'loss'"):
        fit(table)
    table.write_bytes(b"\xff\xfe\x00params")
    with pytest.raises(UserError, match="not UTF-8"):
        fit(table)
    with pytest.raises(UserError, match="no fitted ladder"):
        plan(flops=1e20, lake=str(tmp_path))
