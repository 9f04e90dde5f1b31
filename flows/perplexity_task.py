"""Train a perplexity model on texts larger than memory: sorted runs on disk, merged a range of words at a time.

What memory holds is the vocabulary, one run, and the n-grams that pruning keeps. The same texts give the same bytes,
however many runs they are counted in.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from flows.model_files import digest_of
from flows.progress import tell
from flows.quality_texts import Texts, share_of
from pipeline.batch import DocumentBatch
from pipeline.kernels.spellings import spell
from pipeline.quality.arpa import write_arpa
from pipeline.quality.kenlm_model import load_model
from pipeline.quality.kneser_ney import Estimate, estimate
from pipeline.quality.ngram_model import Header, pack
from pipeline.quality.ngrams import Run, Vocabulary, count_run, cut_ranges, merge_runs
from pipeline.quality.normalise import NORMALISATIONS, spelling_table
from pipeline.quality.reliability import auc
from storage.errors import UserError
from storage.files import AtomicFile, write_bytes
from storage.outputs import folder_beside, prepare_output
from storage.schema import Section

_TOLD_SECONDS = 10.0
_SHUFFLED_LINES, _LEAST_WORDS = 2000, 8
_MOST_HELD_OUT = 5000
_PART_NGRAMS = 1 << 21


class PerplexityTraining(Section):
    """How a perplexity model is trained."""

    order: int = Field(5, ge=2, le=8, description="longest n-gram; cc_net 5")
    prune: tuple[int, ...] = Field(
        (0, 0, 1), description="n-grams of each length that occur at most so often are left out; the last holds on"
    )
    normalisation: str = Field("words", description="words, or spaces for text that is cut into pieces already")
    held_out_frac: float = Field(0.01, ge=0, lt=1, description="share of the texts that the report measures on")
    run_words: int = Field(
        8_000_000, ge=1, description="words counted before a run is written: 70 bytes of memory each"
    )

    def prunes(self) -> tuple[int, ...]:
        """A count for each length.

        Raises:
            UserError: They do not rise from 0.
        """
        given = (*self.prune, *[self.prune[-1] if self.prune else 0] * self.order)[: self.order]
        if given[0] != 0 or list(given) != sorted(given):
            raise UserError(f"pruning counts {self.prune} must begin with 0 and never fall, for example 0 0 1.")
        if self.normalisation not in NORMALISATIONS:
            raise UserError(
                f"there is no normalisation {self.normalisation!r}.", f"One of {', '.join(NORMALISATIONS)}."
            )
        return given


def train_perplexity(
    texts: Texts, language: str, output: str, config: PerplexityTraining, arpa: str = ""
) -> dict[str, Any]:
    """Write the model, its ARPA form where asked for, and `output`.json with what was found; returns the latter.

    Raises:
        UserError: The texts hold no word.
    """
    prune = config.prunes()
    prepare_output(output)
    with ExitStack() as stack:
        folder = stack.enter_context(folder_beside(output))
        counted = _Counting(folder, config)
        counted.read(texts)
        if not counted.words:
            raise UserError(
                f"{', '.join(texts.inputs)}: there is no word in them.", "Is the text under the key `text`?"
            )
        tell(f"{counted.words:,} words, {len(counted.vocabulary):,} of them different; estimating")
        found = estimate(counted.parts, config.order, len(counted.vocabulary), prune)
    header = Header(
        config.normalisation, tuple(map(len, found.levels)), 0, language, prune, tuple(found.discounts), counted.words
    )
    _write(output, pack(found.levels, counted.vocabulary.hashes, header))
    if arpa:
        _write(arpa, write_arpa(found.levels, counted.vocabulary.words))
    report = _describe(header, found, counted, texts)
    report |= {"held_out": _held_out(output, counted.held_out), "model": output, "sha256": digest_of(output)}
    write_bytes(f"{output}.json", json.dumps(report, indent=1, ensure_ascii=False).encode())
    return report


class _Counting:
    """The vocabulary and the runs so far; runs after the first lie in `folder`."""

    def __init__(self, folder: Path, config: PerplexityTraining) -> None:
        self.folder, self.config = folder, config
        self.vocabulary = Vocabulary()
        self.words, self.documents = 0, 0
        self.held_out: list[str] = []
        self.runs: list[Run] = []
        self._pending: list[np.ndarray] = []
        self._told = time.monotonic()

    def read(self, texts: Texts) -> None:
        for batch in texts:
            self._add([text for text in batch if not self._hold_out(text)])
        if self._pending or not self.runs:
            self._close_run(spill=bool(self.runs))

    def _hold_out(self, text: str) -> bool:
        held = len(self.held_out) < _MOST_HELD_OUT and share_of(text) < self.config.held_out_frac
        if held:
            self.held_out.append(text)
        return held

    def parts(self) -> Iterator[Run]:
        ids = len(self.vocabulary)
        for low, high in cut_ranges(self.runs, ids, min(self.config.run_words, _PART_NGRAMS)):
            yield merge_runs([run.between(low, high) for run in self.runs], ids)

    def _add(self, kept: Sequence[str]) -> None:
        utf8 = DocumentBatch.of_texts(list(kept)).utf8
        spelled = spell(utf8.data, utf8.offsets, spelling_table(self.config.normalisation), letters=True)
        self._pending.append(self.vocabulary.add(spelled))
        self.words += len(self._pending[-1])
        self.documents += len(kept)
        if sum(map(len, self._pending)) >= self.config.run_words:
            self._close_run(spill=True)
        if time.monotonic() - self._told > _TOLD_SECONDS:
            self._told = time.monotonic()
            tell(f"{self.documents:,} texts, {self.words:,} words, {len(self.vocabulary):,} of them different")

    def _close_run(self, spill: bool) -> None:
        words = np.concatenate(self._pending) if self._pending else np.zeros(0, np.uint32)
        run = count_run(words, self.config.order, len(self.vocabulary))
        self._pending = []
        self.runs.append(self._spilt(run) if spill else run)

    def _spilt(self, run: Run) -> Run:
        paths = [self.folder / f"{len(self.runs):06d}.{name}.npy" for name in ("rows", "counts")]
        for path, column in zip(paths, run, strict=True):
            np.save(path, column)
        return Run(*(np.load(path, mmap_mode="r") for path in paths))


def _write(path: str, pieces: Iterator[bytes | memoryview]) -> None:
    file = AtomicFile(path)
    try:
        for piece in pieces:
            file.write(piece)
        file.commit()
    finally:
        file.abort()


def _describe(header: Header, found: Estimate, counted: _Counting, texts: Texts) -> dict[str, Any]:
    return {
        "language": header.language,
        "inputs": list(texts.inputs),
        "inputs_fingerprint": texts.identity(),
        "documents": counted.documents,
        "passed_over": texts.passed_over,
        "words": header.words,
        "ngrams": list(header.ngrams),
        "prune": list(header.prune),
        "discounts": [list(row) for row in header.discounts],
        "discounts_fell_back": found.fell_back,
        "runs": len(counted.runs),
    }


def _held_out(path: str, texts: Sequence[str]) -> dict[str, Any]:
    """Perplexity of texts the model has not seen, and how well it tells their lines from the same words shuffled."""
    if not texts:
        return {"documents": 0}
    model = load_model(path)
    scores = model.score(DocumentBatch.of_texts(list(texts)))
    known = scores.perplexities[scores.words > 0]
    lines = [line for text in texts for line in text.split("\n") if len(line.split()) >= _LEAST_WORDS]
    lines = lines[:_SHUFFLED_LINES]
    clean = model.score(DocumentBatch.of_texts(lines)).perplexities
    shuffled = model.score(DocumentBatch.of_texts(list(map(_shuffle, lines)))).perplexities
    return {
        "documents": len(texts),
        "perplexity": float(10 ** (-scores.log10_probs.sum() / scores.words.sum())) if len(known) else None,
        "perplexity_quartiles": [float(value) for value in np.percentile(known, [25, 50, 75])] if len(known) else None,
        "lines": len(lines),
        "auc_against_shuffled_lines": auc(-clean, -shuffled),
    }


def _shuffle(line: str) -> str:
    words = line.split()
    random.Random(line).shuffle(words)
    return " ".join(words)
