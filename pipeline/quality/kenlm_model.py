"""A model from its file: Winnow's own, mapped; or anyone's KenLM model through the `kenlm` package.

KenLM models with a SentencePiece model are scored as cc_net does: the whole page, normalised with its line ends gone,
cut into pieces, one sentence. Those without are taken to be of words, as `train-perplexity --arpa` writes them: lines
of normalised words.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pipeline.batch import DocumentBatch, Utf8
from pipeline.kernels.spellings import spell
from pipeline.quality.named_files import state_of
from pipeline.quality.ngram_model import MAGIC, NgramModel, Scores
from pipeline.quality.normalise import normalise_text, spelling_table
from storage.errors import UserError

_INSTALL = "`pip install 'winnow[kenlm]'` installs it, without a compiler."


class Model(Protocol):
    """What scores documents."""

    def score(self, batch: DocumentBatch) -> Scores:
        """log10 probability and words of each document."""


class _Own:
    def __init__(self, path: str) -> None:
        self._model = NgramModel(np.memmap(path, np.uint8, "r"))

    def score(self, batch: DocumentBatch) -> Scores:
        return self._model.score(batch.utf8)


class _KenLM:
    def __init__(self, path: str, pieces: str | None) -> None:
        kenlm = _package("kenlm")
        quietly = kenlm.Config()
        quietly.show_progress, quietly.arpa_complain = False, kenlm.ARPALoadComplain.NONE
        self._model = kenlm.Model(path, quietly)
        self._pieces = _package("sentencepiece").SentencePieceProcessor(model_file=pieces) if pieces else None

    def score(self, batch: DocumentBatch) -> Scores:
        rows = [self._score(self._sentences(text)) for text in batch.texts]
        return Scores(np.array([row[0] for row in rows]), np.array([row[1] for row in rows], np.int64))

    def _sentences(self, text: str) -> list[list[str]]:
        if self._pieces is None:
            return sentences_of(text)
        found: list[str] = self._pieces.encode(normalise_text(text), out_type=str)
        return [found] if found else []

    def _score(self, sentences: list[list[str]]) -> tuple[float, int]:
        total = sum(self._model.score(" ".join(words)) for words in sentences)
        return total, sum(len(words) + 1 for words in sentences)


def sentences_of(text: str) -> list[list[str]]:
    """The normalised words of each line that has any."""
    data = np.frombuffer(text.encode(), np.uint8)
    utf8 = Utf8(data, np.array([0, len(data)], np.int64))
    spelled = spell(utf8.data, utf8.offsets, spelling_table("words"), letters=True)
    sentences: list[list[str]] = [[]]
    for start, end in zip(spelled.starts[:-1].tolist(), spelled.starts[1:].tolist(), strict=True):
        if start == end:
            sentences.append([])
        else:
            sentences[-1].append("".join(map(chr, spelled.points[start:end])))
    return sentences[:-1]


def load_model(path: str, pieces: str | None = None) -> Model:
    """The model in a file, kept for as long as the file does not change.

    Raises:
        UserError: There is no such file, it is no model, or reading it takes a package that is not installed.
    """
    try:
        return _load(path, pieces, state_of(path))
    except OSError as error:
        reason = error.strerror or str(error).splitlines()[0]
        hint = "`winnow quality train-perplexity` makes one."
        raise UserError(f"perplexity model {path} cannot be read: {reason}.", hint) from error
    except (ValueError, RuntimeError) as error:
        raise UserError(f"{path} is no perplexity model: {error}.") from error


@cache
def _load(path: str, pieces: str | None, _state: tuple[int, int]) -> Model:
    with Path(path).open("rb") as stream:
        own = stream.read(len(MAGIC)) == MAGIC
    return _Own(path) if own else _KenLM(path, pieces)


def _package(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise UserError(f"the perplexity model is KenLM's, which takes the package {name}.", _INSTALL) from error
