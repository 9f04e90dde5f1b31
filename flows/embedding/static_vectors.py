"""Static vectors: fastText's skip-gram over a corpus, one vector a word whatever its use.

One thread and fastText's own seed: the same text gives the same vectors on one machine.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import fasttext
import fasttext.FastText
import numpy as np

from pipeline.embedding.config import EmbeddingsConfig
from pipeline.embedding.measures import Vectors
from pipeline.embedding.uses import plain_words
from storage.errors import UserError


class StaticVectors:
    """A trained skip-gram. A word used too rarely to have a vector of its own has none here."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __contains__(self, word: str) -> bool:
        return int(self._model.get_word_id(word)) >= 0

    def __getitem__(self, word: str) -> Vectors:
        return np.asarray(self._model.get_word_vector(word), np.float32)

    def neighbours(self, word: str, most: int) -> list[tuple[str, float]]:
        """The words with the largest cosines to a word, and these."""
        return [(name, float(cosine)) for cosine, name in self._model.get_nearest_neighbors(word, most)]


def train_static(texts: Iterable[str], config: EmbeddingsConfig) -> StaticVectors:
    """Train on texts.

    Raises:
        UserError: No word is used often enough.
    """
    fasttext.FastText.eprint = lambda *_, **__: None  # it warns of its own `load_model`, on every use
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "text.txt"
        with lines.open("w", encoding="utf-8") as stream:
            stream.writelines(
                f"{words}\n" for text in texts for line in text.split("\n") if (words := plain_words(line))
            )
        try:
            model = fasttext.train_unsupervised(
                str(lines), model="skipgram", dim=config.dim, epoch=config.epochs, ws=config.window,
                minCount=config.min_count, bucket=config.buckets, thread=1, verbose=0,
            )  # fmt: skip
        except (ValueError, RuntimeError) as error:
            raise UserError(
                f"no static vectors can be made of this corpus: {error}.",
                "Lower embeddings.min_count, or take more text.",
            ) from error
    return StaticVectors(model)
