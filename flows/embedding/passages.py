"""Uses of words as a model is shown them: ids, and which of them are the word."""

from __future__ import annotations

import tempfile
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np

from flows.child import run_child
from flows.training_task import absolute
from model.config import Device, ModelConfig
from model.embedding import EmbedSpec
from model.token_set import TokenSet
from pipeline.embedding.measures import Vectors
from pipeline.embedding.uses import Use
from pipeline.tokens import Tokenizer
from storage.errors import UserError
from storage.lake import Lake


class Passages:
    """Gathers uses in groups, each of which is to get one vector a layer: the mean over its uses."""

    def __init__(self, tokenizer: Tokenizer, tokens: TokenSet, model: ModelConfig) -> None:
        self._tokenizer, self._causal = tokenizer, model.causal and not model.decoder_layers and model.lstm is None
        self._head, self._tail = _frame(tokens, model)
        self._room = tokens.sequence_length - len(self._head) - len(self._tail)
        self._numbers: dict[Hashable, int] = {}
        self._ids: list[tuple[int, ...]] = []
        self._spans: list[tuple[int, int, int]] = []

    def add(self, group: Hashable, use: Use) -> bool:
        """Add a use to a group; False where the word alone has more tokens than fit beside some of its passage."""
        word = self._encode(f" {use.text[use.start : use.stop]}")
        if 2 * len(word) > self._room:
            return False
        after = [] if self._causal else self._encode(use.text[use.stop :])[: (self._room - len(word)) // 2]
        before = self._encode(use.text[: use.start - 1])[len(word) + len(after) - self._room :]
        number = self._numbers.setdefault(group, len(self._numbers))
        start = len(self._head) + len(before)
        self._ids.append((*self._head, *before, *word, *after, *self._tail))
        self._spans.append((start, start + len(word), number))
        return True

    def add_alone(self, group: Hashable, word: str) -> bool:
        """Add a word without any passage."""
        return self.add(group, Use(word, f" {word}", 1, 1 + len(word), ""))

    def vectors(self, lake: Lake, weights: str, threads: int, device: Device) -> dict[Hashable, Vectors]:
        """Every group's vectors, float32[layers + 1, width], from a child process.

        Raises:
            UserError: There is no passage, or the model cannot read these.
        """
        if not self._ids:
            raise UserError("the corpus uses none of these words.", "Take more text, or other words with --word.")
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "vectors.npy"
            spec = EmbedSpec(
                weights=absolute(lake, weights), passages=tuple(self._ids), spans=tuple(self._spans), out=str(out),
                threads=threads, device=device,
            )  # fmt: skip
            for _ in run_child("model.embed", "-", spec.model_dump_json()):
                pass
            found: Any = np.load(out)
        return {group: found[number] for group, number in self._numbers.items()}

    def _encode(self, text: str) -> list[int]:
        return [int(token) for token in self._tokenizer.encode(text)]


def _frame(tokens: TokenSet, model: ModelConfig) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What stood before and behind a document when the model learned."""
    encoder = tokens.encoder
    if model.kind == "decoder":
        return (tokens.end_id,), ()
    if model.kind == "encoder" and encoder is not None and (tokens.packing == "masked" or not tokens.train.files):
        return (encoder.classification,), (encoder.separator,)
    return (), (tokens.end_id,)
