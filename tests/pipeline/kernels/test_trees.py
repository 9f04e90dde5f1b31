"""Tree ensembles, against the definition read row by row."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.extract.weights import load_model, save_model
from pipeline.kernels.block_context import CONTEXT
from pipeline.kernels.feature_names import FEATURES
from pipeline.kernels.trees import Trees, score_rows

SMALL = Trees(
    np.array([0, 2], np.int32),
    np.array([0, 1, 2], np.int16),
    np.array([0.5, 1.0, -1.0], np.float32),
    np.array([~0, ~1, ~3], np.int32),
    np.array([1, ~2, ~4], np.int32),
    np.array([1.0, -1.0, 0.5, 0.25, -2.0], np.float32),
)


def plain(row: list[float]) -> float:
    first = 1.0 if row[0] <= 0.5 else (-1.0 if row[1] <= 1.0 else 0.5)
    return 1 / (1 + math.exp(-(first + (0.25 if row[2] <= -1.0 else -2.0))))


@settings(deadline=None)
@given(
    rows=st.lists(st.lists(st.sampled_from([-2.0, -1.0, 0.0, 0.5, 0.75, 1.0, 2.0]), min_size=3, max_size=3), max_size=8)
)
def test_it_agrees_with_the_definition(rows):
    scores = score_rows(np.array(rows, np.float32).reshape(-1, 3), SMALL)
    np.testing.assert_allclose(scores, [plain(row) for row in rows], rtol=1e-6)


def test_the_shipped_model_fits_the_features_and_is_kept_byte_for_byte(tmp_path):
    model = load_model()
    assert 0 <= model.first.features.max() < len(FEATURES)
    assert len(FEATURES) < model.second.features.max() < len(FEATURES) + len(CONTEXT)
    for name in ("one", "two"):
        save_model(tmp_path / name, model)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
