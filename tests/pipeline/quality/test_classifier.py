"""The classifier stage: labels of anyone's model, numbered ones, blank text, files that are none; judging scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.batch import DocumentBatch
from pipeline.judging import Verdicts, run_stages
from pipeline.quality.classifier import ClassifierConfig
from pipeline.quality.reliability import auc, decisions, reliability, thresholds
from storage.errors import UserError

GOOD, BAD = "the river rises in the hills and flows to the sea", "click here buy now best price free shipping"
SCORES = st.lists(st.integers(0, 9).map(lambda n: n / 9), min_size=1, max_size=20).map(np.array)


def train(path: Path, labels: tuple[str, ...]) -> str:
    """A fastText model that tells GOOD (the first label) from BAD (the last)."""
    lines = path.with_suffix(".txt")
    texts = [GOOD] + [f"{GOOD} {BAD}"] * (len(labels) - 2) + [BAD]
    lines.write_text("".join(f"__label__{label} {text}\n" for label, text in zip(labels, texts, strict=True)) * 40)
    model = fasttext.train_supervised(str(lines), dim=8, epoch=20, lr=0.5, bucket=1000, thread=1, verbose=0)
    model.save_model(str(path))
    return str(path)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Labels as DCLM's model has them."""
    return train(tmp_path_factory.mktemp("model") / "hq.bin", ("hq", "cc"))


def judge(texts: list[str | None], **settings: Any) -> Verdicts:
    batch = DocumentBatch({"text": pa.array(texts, pa.string())})
    return run_stages(batch, ClassifierConfig(enabled=True, **settings).stages())


def scores(verdicts: Verdicts) -> list[Any]:
    found: list[Any] = verdicts.table["classifier_score"].to_pylist()
    return found


def test_good_text_stays_and_bad_text_goes(model: str) -> None:
    verdicts = judge([GOOD, BAD], model=model, min_score=0.018112)
    assert scores(verdicts)[0] > 0.9 > 0.01 > scores(verdicts)[1]
    assert verdicts.table["failed_rules"].to_pylist() == [[], ["classifier.classifier_score"]]


def test_line_ends_do_not_matter_and_blank_text_has_no_score(model: str) -> None:
    found = scores(judge([GOOD, GOOD.replace(" ", "\n"), None, " \n"], model=model))
    assert found[0] == found[1] and found[2:] == [None, None]


def test_the_other_label_is_the_rest(model: str) -> None:
    good, rest = (scores(judge([GOOD], model=model, label=label))[0] for label in ("__label__hq", "cc"))
    assert good + rest == pytest.approx(1, abs=1e-3)


def test_numbered_labels_are_averaged(tmp_path: Path) -> None:
    path = train(tmp_path / "edu.bin", ("5", "3", "0"))
    good, bad = scores(judge([GOOD, BAD], model=path, label="number"))
    assert 4.5 < good <= 5 and 0 <= bad < 0.5
    assert judge([GOOD, BAD], model=path, label="number", min_score=3).kept.tolist() == [True, False]


def test_labels_the_model_does_not_have(model: str) -> None:
    with pytest.raises(UserError, match=r"no label __label__edu.*__label__hq"):
        judge([GOOD], model=model, label="edu")
    with pytest.raises(UserError, match="number"):
        judge([GOOD], model=model, label="number")


def test_a_share_is_a_percentile_of_a_calibration(model: str, tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    known = {"*": {"documents": 9, "model": "m", "quantiles": np.linspace(0, 1, 101).tolist()}}
    path.write_text(json.dumps({"classifier": known}))
    verdicts = judge([GOOD, BAD], model=model, calibration=str(path), min_percentile=90)
    assert verdicts.kept.tolist() == [True, False]
    assert verdicts.table["classifier_percentile"][0].as_py() == pytest.approx(100 * scores(verdicts)[0])


def test_models_that_are_none(tmp_path: Path) -> None:
    fake = tmp_path / "fake.bin"
    fake.write_bytes(b"no model")
    for path in (str(fake), str(tmp_path / "absent.bin"), None):
        with pytest.raises(UserError, match="train-classifier"):
            judge([GOOD], model=path)


@pytest.mark.parametrize(
    ("settings", "says"), [({}, "train-classifier"), ({"model": "x", "min_percentile": 90}, "classifier.calibration")]
)
def test_a_recipe_that_asks_for_what_it_does_not_name(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        ClassifierConfig(enabled=True, **settings).check(("en",))


@given(SCORES, SCORES)
def test_auc_is_the_share_of_pairs_in_order(positive: np.ndarray, negative: np.ndarray) -> None:
    pairs = [(p > n) + 0.5 * (p == n) for p in positive for n in negative]
    assert auc(positive, negative) == pytest.approx(np.mean(pairs))


@given(SCORES, SCORES)
def test_decisions_and_errors_by_hand(positive: np.ndarray, negative: np.ndarray) -> None:
    found = decisions(positive, negative, 0.5)
    kept = [p for p in positive if p >= 0.5], [n for n in negative if n >= 0.5]
    assert found["recall"] == len(kept[0]) / len(positive)
    assert found["precision"] == (len(kept[0]) / sum(map(len, kept)) if any(kept) else None)
    measured = reliability(positive, negative)
    squares = [(1 - p) ** 2 for p in positive] + [n**2 for n in negative]
    assert measured["brier"] == pytest.approx(np.mean(squares))
    assert sum(row["examples"] for row in measured["table"]) == len(positive) + len(negative)


def test_a_perfect_probability_has_no_calibration_error() -> None:
    assert reliability(np.array([0.75] * 3 + [0.25]), np.array([0.75] + [0.25] * 3))["ece"] == pytest.approx(0)


def test_auc_of_one_kind_alone_is_unknown() -> None:
    assert auc(np.array([0.5]), np.array([])) is None


def test_thresholds_let_their_share_of_negatives_pass() -> None:
    negative = np.linspace(0, 1, 1001)
    for row in thresholds(negative + 0.5, negative):
        assert np.mean(negative >= row["min_score"]) == pytest.approx(row["share_of_negatives"], abs=0.002)
