"""`make bench-gpu`: a ladder of twenty to thirty runs in ten minutes on one GPU, small runs side by side.

Skips, with the reason, where there is no GPU or no shared text. The same code climbs a ladder on a CPU: see ladder.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from flows.scaling_design import LadderWish
from flows.scaling_flow import fit_line

from .conftest import Note
from .ladder import TEXT, climb, inputs

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
    pytest.mark.skipif(not inputs(TEXT), reason="the shared text is not beside this checkout"),
    pytest.mark.timeout(1800),
]
MINUTES = 10.0


def test_a_ladder_in_ten_minutes(tmp_path: Path, note: Note) -> None:
    wish = LadderWish(MINUTES, "cuda", vocab_size=4096, sequence_length=512, workers=4, budgets=4)
    found = climb(wish, "cuda", str(tmp_path / "lake"))
    runs, largest = len(found.design.ladder), max(found.design.config.budgets)
    lines = [fit_line(count, analysis) for count, analysis in found.fits.items()]
    note(runs=runs, largest_flops=largest, minutes=round(found.seconds / 60, 2), fits=lines)
    assert 20 <= runs <= 30 and len(found.design.config.budgets) == 4
    assert found.seconds <= 60 * MINUTES * 1.2
    parabola = found.fits["total"].by_compute["6ND"].parabola
    assert parabola is not None and all(valley.inside for valley in parabola.valleys)
