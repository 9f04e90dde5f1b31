"""The extractor's trained ensembles and where they are kept.

`weights.npz` is made by `python -m tests.bench.train_extractor` from the tuning half of WCXB
(Foley 2026, https://arxiv.org/abs/2605.21097, data under CC-BY-4.0); it holds numbers, no text of any page.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.kernels.trees import Trees

WEIGHTS = files("pipeline.extract") / "weights.npz"


class Model(NamedTuple):
    """What decides whether a block is content.

    Attributes:
        first: Scores a block by `feature_names.FEATURES`.
        second: Scores it by the same and by `block_context.CONTEXT` of the first's scores.
        limit: Blocks with a second score over it are content.
    """

    first: Trees
    second: Trees
    limit: float


@cache
def load_model() -> Model:
    """The shipped model."""
    with WEIGHTS.open("rb") as stream:
        arrays = np.load(stream)
        first, second = (Trees(*(arrays[f"{part}_{name}"] for name in Trees._fields)) for part in ("first", "second"))
        return Model(first, second, float(arrays["limit"]))


def save_model(path: Path, model: Model) -> None:
    """Write a model; the same model gives the same bytes."""
    arrays = {
        f"{part}_{name}": values
        for part, trees in (("first", model.first), ("second", model.second))
        for name, values in trees._asdict().items()
    }
    with path.open("wb") as stream:
        np.savez_compressed(stream, **arrays, limit=np.float64(model.limit))
