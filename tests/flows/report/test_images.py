"""Figures as files: a picture of pixels, a drawing that needs no page, and the numbers in full."""

from __future__ import annotations

import csv
import struct
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from flows.report.images import as_csv, standalone, write_images
from flows.report.scaling_figures import back_tests, contours, counts, ladder_curves, residuals, valleys
from model.scaling.analysis import analyse
from model.scaling.points import make_points
from model.scaling.published import CHINCHILLA_REFIT as TRUTH
from model.scaling.record import analysis_to_record, chosen_fit

UNIT = "bits a byte"


@pytest.fixture(scope="module")
def record() -> dict[str, object]:
    budgets = np.geomspace(1e18, 1e20, 3)
    sizes = np.array([TRUTH.best_params(c) * k for c in budgets for k in np.geomspace(1 / 5, 5, 6)])
    tokens = np.repeat(budgets, 6) / 6 / sizes
    noise = np.exp(0.002 * np.random.default_rng(0).standard_normal(18))
    return analysis_to_record(analyse(make_points(sizes, tokens, TRUTH.predict(sizes, tokens) * noise), draws=6))


def test_every_figure_is_drawn_from_a_record(record: dict[str, object], tmp_path: Path) -> None:
    fit = chosen_fit(record)
    curve = [{"tokens": 100 * step, "loss": 5 / step} for step in range(1, 90)]
    rows = [{"name": "a/ladder/x", "params_total": 9000, "train_tokens": 9000, "curve": curve}]
    made = (
        valleys(record, fit, UNIT),
        contours(fit, UNIT),
        residuals(fit),
        back_tests(record),
        counts({"total": record}),
        ladder_curves(rows),
    )
    figures = [figure for figure in made if figure is not None]
    assert len(figures) == 6
    written = {Path(path).name: Path(path) for path in write_images(figures, str(tmp_path / "figures"))}
    assert len(written) == 3 * 6 - 2  # the table of counts is no drawing
    for name, path in written.items():
        if name.endswith(".png"):
            content = path.read_bytes()
            assert content.startswith(b"\x89PNG") and struct.unpack(">II", content[16:24])[0] == 1440
        if name.endswith(".svg"):
            root = ElementTree.fromstring(path.read_text())
            assert "var(--" not in path.read_text() and root.tag == "{http://www.w3.org/2000/svg}svg"


def test_the_numbers_and_what_made_them_are_beside_it(record: dict[str, object]) -> None:
    figure = valleys(record, chosen_fit(record), UNIT)
    assert figure is not None
    lines = as_csv(figure).splitlines()
    comments = [line for line in lines if line.startswith("#")]
    assert any("winnow scaling run" in line for line in comments)
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert len(rows) == 6 and {row["method"] for row in rows} == {"parabola", "interpolation"}
    inside = [row for row in rows if row["inside"] == "yes" and row["method"] == "parabola"]
    assert all(0.7 < float(row["params"]) / TRUTH.best_params(float(row["flops"])) < 1.4 for row in inside)
    assert all(figure.title in part for part in (lines[0], standalone(figure)))


def test_nothing_is_drawn_that_the_runs_do_not_have() -> None:
    sizes, tokens = (x.ravel() for x in np.meshgrid([1e7, 1e8, 1e9], [1e9, 1e10]))
    few = analysis_to_record(analyse(make_points(sizes, tokens, TRUTH.predict(sizes, tokens)), draws=0))
    assert valleys(few, chosen_fit(few), UNIT) is None
    assert back_tests(few) is None
    assert ladder_curves([]) is None
