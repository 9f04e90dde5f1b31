"""fastText's training, which may end in NaN: the rate at which it does not is found, and one thread keeps its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fasttext
import fasttext.FastText
import numpy as np

from flows.progress import tell
from pipeline.quality.classifier import LABEL_PREFIX
from storage.errors import Fatal

SEED = 1


def train_supervised(lines: Path, rates: Sequence[float], **settings: Any) -> tuple[Any, float]:
    """A classifier of lines that begin with their label, and the first of the learning rates that gave one.

    The same lines give the same bytes: fastText's threads write over one another's updates, so there is one.

    Raises:
        Fatal: Training ends in NaN at every rate.
    """
    for rate in rates:
        try:
            model = fasttext.train_supervised(
                str(lines), lr=rate, thread=1, seed=SEED, verbose=0, label=LABEL_PREFIX, **settings
            )
        except RuntimeError as error:  # "Encountered NaN."
            tell(f"learning rate {rate:g}: {error}")
            continue
        if np.isfinite(model.get_output_matrix()).all():
            return model, rate
    raise Fatal(f"training ends in NaN even at a learning rate of {rates[-1]:g}.", "Look at the texts: are they text?")
