"""Training of a fastText classifier on labelled text: deterministic, measured on a held-out part, written whole."""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from flows.fasttext_training import train_supervised
from pipeline.toxicity import load_classifier, prepare, probability
from storage.errors import UserError
from storage.files import sha256_of
from storage.outputs import folder_beside, prepare_output, publishing

SETTINGS = {"dim": 16, "epoch": 10, "wordNgrams": 2, "minn": 2, "maxn": 5, "bucket": 100_000, "minCount": 2}
"""Small enough to train in seconds; character n-grams, for words are spelt to be overlooked."""

_RATES = (0.5, 0.25, 0.1)
THRESHOLDS = (0.3, 0.5, 0.7, 0.9)


class Example(NamedTuple):
    """A text and whether it is what the classifier looks for."""

    text: str
    positive: bool


def read_labelled(path: Path, text: str, label: str, positive: frozenset[str]) -> list[Example]:
    """Rows of a CSV (by its header) or JSON lines file.

    Raises:
        UserError: It cannot be read, lacks a column, or all its labels say the same.
    """
    examples = [Example(str(row[text]), str(row[label]).strip() in positive) for row in _rows(path, text, label)]
    if len({example.positive for example in examples}) < 2:
        raise UserError(
            f"all labels of {path} say the same.", f"--positive names the labels that mean toxic, of column {label}."
        )
    return examples


def train_classifier(examples: list[Example], output: Path, held_out: float) -> dict[str, Any]:
    """Train on one part, measure on the other; a text's hash decides its part, so copies stay together.

    Returns:
        trained_texts, held_out_texts, held_out_positive, sha256 of the model, and by threshold precision, recall, F1.
    """
    parts: dict[bool, list[Example]] = {True: [], False: []}
    for example in examples:
        parts[_share(example.text) < held_out].append(example)
    if len({example.positive for example in parts[False]}) < 2:
        raise UserError("too few labelled texts to train on.", "Give more, or a smaller --held-out.")
    prepare_output(str(output))
    model = _fit(parts[False], str(output))
    with publishing(str(output)) as temporary:
        model.save_model(str(temporary))
        classifier = load_classifier(str(temporary))
    probs = [(probability(example.text, classifier), example.positive) for example in parts[True]]
    return {
        "trained_texts": len(parts[False]),
        "held_out_texts": len(probs),
        "held_out_positive": sum(positive for _, positive in probs),
        "sha256": sha256_of(str(output)),
        "thresholds": [_measured(probs, threshold) for threshold in THRESHOLDS],
    }


def _share(text: str) -> float:
    """A number in 0..1 that is the text's own."""
    return int.from_bytes(hashlib.sha256(prepare(text).encode()).digest()[:8]) / 2**64


def _fit(examples: list[Example], output: str) -> Any:
    with folder_beside(output) as folder:
        lines = folder / "lines.txt"
        lines.write_text("".join(f"__label__{int(e.positive)} {prepare(e.text)}\n" for e in examples), encoding="utf-8")
        return train_supervised(lines, _RATES, **SETTINGS)[0]


def _measured(probs: list[tuple[float, bool]], threshold: float) -> dict[str, Any]:
    claimed = sum(prob >= threshold for prob, _ in probs)
    right = sum(prob >= threshold and positive for prob, positive in probs)
    labelled = sum(positive for _, positive in probs)
    precision = right / claimed if claimed else None
    recall = right / labelled if labelled else None
    f1 = 2 * right / (claimed + labelled) if claimed + labelled else None
    return {"threshold": threshold, "precision": precision, "recall": recall, "f1": f1}


def _rows(path: Path, text: str, label: str) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(sys.maxsize)
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as stream:
            rows = map(json.loads, stream) if path.suffix == ".jsonl" else csv.DictReader(stream)
            for row in rows:
                missing = next((name for name in (text, label) if row.get(name) is None), None)
                if missing:
                    known = ", ".join(str(name) for name in row)
                    raise UserError(f"{path} has no column {missing!r};", f"it has {known}: use --text and --label.")
                yield row
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except (json.JSONDecodeError, AttributeError, csv.Error) as error:
        raise UserError(f"{path} is neither CSV with a header nor JSON lines: {error}.") from error
