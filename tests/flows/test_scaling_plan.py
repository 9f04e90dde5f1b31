"""What is wrong with a wish for a plan is told before the minutes of a fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.scaling_commands import plan
from flows.scaling_plan import Wish
from storage.errors import UserError

GOOD = Wish(1e21, None, None, "h100", 0.4, 0, 0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"flops": None}, "one budget"),
        ({"flops": 1e21, "loss": 2.0}, "one budget"),
        ({"flops": -1.0}, "buys nothing"),
        ({"gpu_hours": 5.0, "gpu": "h300"}, "no GPU 'h300'"),
        ({"gpu_hours": 5.0, "mfu": 45.0}, "no share of the peak"),
    ],
)
def test_a_mistake_is_told_before_anything_is_read(given: dict[str, float], said: str, tmp_path: Path) -> None:
    options = {"flops": None, "gpu_hours": None, "loss": None, "gpu": "h100", "mfu": 0.4} | given
    with pytest.raises(UserError, match=said):
        plan(**options, points=tmp_path / "there-is-none.csv", lake=str(tmp_path))  # type: ignore[arg-type]


def test_a_sound_wish_is_let_pass() -> None:
    GOOD.check()
