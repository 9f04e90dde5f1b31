"""The row of a run that is no corpus run; the curve its artifact shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.check import check
from flows.live import LiveTraining, curve_of
from flows.progress import Progress
from flows.run_rows import run_row
from storage.errors import Fatal
from storage.lake import Lake
from storage.schema import Section


class Request(Section):
    lake: str
    workers: int = 2
    seed: int = 0


def test_a_run_is_running_then_finished_and_the_same_again(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    with run_row(lake, "tokens", "toy", Request(lake="a"), "f1") as made:
        (row,) = lake.rows("runs")
        assert (row["state"], row["finished_at"], row["steps"]) == ("running", None, [])
        made.append({"step": "tokens", "key": "toy", "fingerprint": "t"})
    (finished,) = lake.rows("runs")
    assert finished["state"] == "finished" and finished["started_at"] == row["started_at"] <= finished["finished_at"]
    assert finished["steps"] == [{"step": "tokens", "key": "toy", "fingerprint": "t"}]
    with run_row(lake, "tokens", "toy", Request(lake="b", workers=9), "f1"):  # where and how fast are not what
        pass
    assert len(lake.rows("runs")) == 1
    with run_row(lake, "tokens", "toy", Request(lake="a", seed=1), "f1"):
        pass
    assert len(lake.rows("runs")) == 2


def test_a_run_that_fails_says_so(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    with pytest.raises(Fatal), run_row(lake, "pretrain", "toy", Request(lake="a")):
        raise Fatal("no.")
    assert [row["state"] for row in lake.rows("runs")] == ["failed"]


def test_a_training_a_run_lists_must_be_there(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    with run_row(lake, "pretrain", "toy", Request(lake="a")) as made:
        made.append({"step": "train", "key": "toy", "fingerprint": "gone"})
    assert [(problem.kind, problem.subject) for problem in check(lake).problems] == [("missing", "train toy")]


def test_a_curve_goes_from_its_highest_to_its_lowest() -> None:
    assert curve_of([]) == ""
    assert curve_of([4.0, 3.0, 2.0]) == "4.000 █▅▁ 2.000"
    assert curve_of([1.0]) == "1.000 ▁ 1.000"
    assert len(curve_of([float(i) for i in range(1000)]).split(" ")[1]) == 60


def test_events_move_the_display_and_warnings_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Progress("pretrain", 10, None)
    live = LiveTraining("toy", shown)
    live({"event": "start", "step": 3, "steps": 10})
    live({"event": "step", "step": 7, "steps": 10, "loss": 2.0, "tokens_per_second": 5.0})
    live({"event": "step", "step": 8, "steps": 10, "tokens_per_second": 5.0})  # its loss was no number
    live({"event": "warning", "text": "step 8 is left out."})
    assert shown.done == 8 and "toy: step 8 is left out." in capsys.readouterr().err
