"""Train a fastText quality classifier: reference texts against a crawl's, measured on texts it has not seen.

The same texts give the same bytes. Copies of a text are on the same side of the held-out line, which each text's own
hash decides.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TextIO

import numpy as np
from pydantic import Field

from flows.fasttext_training import train_supervised
from flows.model_files import digest_of
from flows.progress import tell
from flows.quality_texts import Texts, share_of
from pipeline.quality.calibration import ANY_LANGUAGE, quantiles
from pipeline.quality.classifier import LABEL_PREFIX, NEGATIVE, POSITIVE, load_classifier, one_line, score_texts
from pipeline.quality.reliability import auc, decisions, reliability, thresholds
from storage.errors import UserError
from storage.files import write_bytes
from storage.outputs import folder_beside, prepare_output, publishing
from storage.schema import Section

_TRIES = 5
"""Learning rates, each half of the one before."""
_LEAST_TEXTS = 20


class ClassifierTraining(Section):
    """How the classifier is trained."""

    dim: int = Field(64, ge=1, description="width of the word vectors")
    buckets: int = Field(200_000, ge=1, description="hashed word pairs; more make the file larger")
    epochs: int = Field(5, ge=1, description="times through the texts")
    word_ngrams: int = Field(2, ge=1, description="words that count together; DCLM 2")
    min_count: int = Field(2, ge=1, description="rarer words are not words of the model")
    learning_rate: float = Field(0.1, gt=0, description="halved and begun again where training ends in NaN")
    max_chars: int = Field(10_000, ge=1, description="of each text, from its start: long ones do not outweigh the rest")
    held_out_frac: float = Field(0.1, gt=0, lt=1, description="share of the texts that the report measures on")
    max_held_out: int = Field(20_000, ge=1, description="texts of each kind measured on, at most")


@dataclass
class _Side:
    """One kind of text: what is held out of it, and how many it trains on."""

    label: str
    held_out: list[str] = field(default_factory=list)
    trained: int = 0


def train_classifier(positive: Texts, negative: Texts, output: str, config: ClassifierTraining) -> dict[str, Any]:
    """Write the model, `output`.json with how good it is, and `output`.calibration.json with the percentiles of the
    held-out negatives; returns the report.

    Raises:
        UserError: Too few texts of a kind.
        Fatal: Training ends in NaN whatever the rate.
    """
    prepare_output(output)
    sides = {POSITIVE: _Side(POSITIVE), NEGATIVE: _Side(NEGATIVE)}
    with folder_beside(output) as folder:
        lines = folder / "lines.txt"
        with lines.open("w", encoding="utf-8", errors="replace") as stream:
            for texts, side in ((positive, sides[POSITIVE]), (negative, sides[NEGATIVE])):
                _write_lines(texts, side, stream, config)
        tell(f"{sides[POSITIVE].trained:,} positives, {sides[NEGATIVE].trained:,} negatives to train on")
        model, rate = train_supervised(
            lines, [config.learning_rate / 2**halved for halved in range(_TRIES)], dim=config.dim,
            epoch=config.epochs, wordNgrams=config.word_ngrams, minCount=config.min_count, bucket=config.buckets,
            loss="softmax",
        )  # fmt: skip
    with publishing(output) as temporary:
        model.save_model(str(temporary))
    report = _report(output, sides, config) | {"learning_rate": rate, "settings": config.model_dump()}
    report |= {"positive_inputs": list(positive.inputs), "negative_inputs": list(negative.inputs)}
    write_bytes(f"{output}.json", json.dumps(report, indent=1).encode())
    return report


def _write_lines(texts: Texts, side: _Side, stream: TextIO, config: ClassifierTraining) -> None:
    for batch in texts:
        for text in batch:
            if not text.strip():
                continue
            if share_of(text) < config.held_out_frac:
                if len(side.held_out) < config.max_held_out:
                    side.held_out.append(text)
                continue
            side.trained += 1
            line = one_line(text[: config.max_chars]).replace(LABEL_PREFIX, " ")  # a page may not label itself
            stream.write(f"{side.label} {' '.join(line.split())}\n")
    if side.trained < _LEAST_TEXTS or not side.held_out:
        raise UserError(
            f"{', '.join(texts.inputs)}: {side.trained + len(side.held_out)} texts are too few to train on.",
            f"A classifier wants thousands of each kind, and at least {_LEAST_TEXTS} with some held out.",
        )


def _report(output: str, sides: dict[str, _Side], config: ClassifierTraining) -> dict[str, Any]:
    model = load_classifier(output)
    positive, negative = (_scores(model, side.held_out) for side in sides.values())
    digest = digest_of(output)
    entry = {"documents": len(negative), "model": digest, "quantiles": quantiles(negative)}
    calibration = json.dumps({"classifier": {ANY_LANGUAGE: entry}}, indent=1)
    write_bytes(f"{output}.calibration.json", calibration.encode())
    return {
        "model": output,
        "sha256": digest,
        "label": POSITIVE,
        "trained": {side.label: side.trained for side in sides.values()},
        "held_out": {side.label: len(side.held_out) for side in sides.values()},
        "auc": auc(positive, negative),
        "at_half": decisions(positive, negative, 0.5),
        "by_share_of_negatives": thresholds(positive, negative),
        "reliability": reliability(positive, negative),
    }


def _scores(model: Any, texts: Iterable[str]) -> np.ndarray:
    return np.array([score for score in score_texts(model, list(texts), POSITIVE) if score is not None])
