"""`winnow domains train`: labelled text to a fastText classifier of domains, with what it confuses on text held out.

Deterministic: texts stay in the order of their inputs. A text's own hash decides whether it is
held out, so copies stay together; long texts give several passages to train on, all from one side of that line.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
import zstandard

from flows.fasttext_training import train_supervised
from flows.model_files import digest_of
from flows.progress import tell
from flows.quality_texts import Texts, share_of
from flows.tables import to_json
from pipeline.domains.topics import SEEN_CHARS, most_probable, prepared
from pipeline.quality.classifier import LABEL_PREFIX, load_classifier
from storage.errors import UserError
from storage.files import open_read, write_bytes
from storage.outputs import folder_beside, prepare_output, publishing
from storage.schema import Section

SETTINGS = {"dim": 32, "epoch": 8, "wordNgrams": 2, "minCount": 3, "bucket": 100_000}
"""Small: topics are told by single words, and the file stays under 30 MB."""

LEAST_TEXTS = 20
_RATES = (0.5, 0.25, 0.1)


class DomainsTraining(Section):
    """How the classifier is trained and measured."""

    held_out: float = 0.2
    passages: int = 20
    passages_a_domain: int = 4000


@dataclass
class Labelled:
    """One domain's passages: to train on, and held out."""

    train: list[str] = field(default_factory=list)
    held_out: list[str] = field(default_factory=list)
    texts: int = 0

    def add(self, text: str, config: DomainsTraining) -> None:
        """Put a text's passages on the side that its hash says."""
        kept = self.held_out if share_of(text) < config.held_out else self.train
        self.texts += 1
        kept.extend(_passages(text, min(config.passages, config.passages_a_domain - len(kept))))

    def check(self, domain: str) -> None:
        """Raises UserError where there are too few texts."""
        if self.texts < LEAST_TEXTS or not self.held_out or not self.train:
            raise UserError(
                f"{self.texts} texts of {domain} are too few to train on and to measure.",
                f"At least {LEAST_TEXTS} are needed, some of them held out.",
            )


def read_labelled(inputs: Sequence[str], config: DomainsTraining) -> dict[str, Labelled]:
    """Passages by domain, of `domain=INPUT` pairs and of JSON lines whose records have a `domain` beside their `text`.

    Raises:
        UserError: Neither of them, fewer than two domains, or too few texts of one.
    """
    found: dict[str, Labelled] = defaultdict(Labelled)
    for given in inputs:
        domain, equals, path = given.partition("=")
        if equals and domain and path and not set(domain) & set("/.* "):
            texts: Iterator[tuple[str, str]] = ((domain, text) for batch in Texts((path,)) for text in batch)
        elif ".jsonl" in given:
            texts = _labelled_lines(given)
        else:
            raise UserError(f"{given!r} is not DOMAIN=INPUT,", "for example books=texts/books.jsonl.zst.")
        for label, text in texts:
            found[label].add(text, config)
    if len(found) < 2:
        raise UserError("a classifier of domains needs texts of at least two.", "Name others: DOMAIN=INPUT.")
    for domain, side in sorted(found.items()):
        side.check(domain)
        told = f"{len(side.train):,} passages to train on, {len(side.held_out):,} held out"
        tell(f"{domain}: {side.texts:,} texts, {told}")
    return dict(sorted(found.items()))


def train_domains(labelled: dict[str, Labelled], output: str, config: DomainsTraining) -> dict[str, Any]:
    """Write the model and `output`.json, the report: confusion, precision and recall on what was held out."""
    prepare_output(output)
    trained, rate = _fit(labelled, output)
    with publishing(output) as temporary:
        trained.save_model(str(temporary))
    model = load_classifier(output)
    found = {
        domain: [most_probable(model, text) for text in side.held_out[: config.passages_a_domain]]
        for domain, side in labelled.items()
    }
    confusion = {domain: Counter(topic for topic, _ in said) for domain, said in found.items()}
    report = {
        "model": output,
        "sha256": digest_of(output),
        "learning_rate": rate,
        "trained_passages": {domain: len(side.train) for domain, side in labelled.items()},
        "domains": [measured(domain, confusion) for domain in labelled],
        "accuracy": sum(confusion[d][d] for d in confusion) / max(sum(map(len, found.values())), 1),
        "confusion": {domain: {other: row[other] for other in labelled} for domain, row in confusion.items()},
        "by_min_prob": [_surest(found, least) for least in (0.5, 0.7, 0.9, 0.99)],
    }
    write_bytes(f"{output}.json", to_json(report).encode())
    return report


def measured(domain: str, confusion: dict[str, Counter[str]]) -> dict[str, Any]:
    """Held-out passages of a domain, and precision, recall and F1 of it; null where nothing can be divided."""
    labelled, claimed = sum(confusion[domain].values()), sum(row[domain] for row in confusion.values())
    right = confusion[domain][domain]
    return {
        "domain": domain,
        "held_out": labelled,
        "precision": right / claimed if claimed else None,
        "recall": right / labelled if labelled else None,
        "f1": 2 * right / (claimed + labelled) if claimed + labelled else None,
    }


def _surest(found: dict[str, list[tuple[str, float]]], least: float) -> dict[str, Any]:
    """What `domains.min_prob` costs and gives."""
    sure = [(domain, topic) for domain, said in found.items() for topic, prob in said if prob >= least]
    right = sum(domain == topic for domain, topic in sure)
    everything = sum(map(len, found.values()))
    return {"min_prob": least, "answered_frac": len(sure) / everything, "right_frac": right / max(len(sure), 1)}


def _labelled_lines(path: str) -> Iterator[tuple[str, str]]:
    with open_read(path) as stream:
        for number, line in enumerate(_lines(stream, path), 1):
            try:
                record = json.loads(line)
                domain, text = str(record["domain"]), str(record["text"])
            except (ValueError, KeyError, TypeError) as error:
                raise UserError(f"{path}, line {number}, is no record with a domain and a text.") from error
            if domain != "".join(domain.split()):  # fastText's label ends there, and the rest would be text
                raise UserError(f"{path}, line {number}, is no record: its domain {domain!r} is not one word.")
            yield domain, text


def _lines(stream: BinaryIO, path: str) -> Iterator[str]:
    try:
        yield from io.TextIOWrapper(_decoded(stream, path), "utf-8", "replace")
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise UserError(f"{path} cannot be read: {error}.", "Is it whole?") from error


def _decoded(stream: BinaryIO, path: str) -> Any:
    if path.endswith(".zst"):
        return zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
    return gzip.GzipFile(fileobj=stream) if path.endswith(".gz") else stream


def _passages(text: str, most: int) -> Iterator[str]:
    """A text's beginning, and for a long one stretches spread over it."""
    count = max(0, min(most, max(1, len(text) // SEEN_CHARS)))
    for start in np.linspace(0, max(0, len(text) - SEEN_CHARS), count).astype(int):
        if passage := prepared(text[start : start + SEEN_CHARS]):
            yield passage


def _fit(labelled: dict[str, Labelled], output: str) -> tuple[Any, float]:
    """The model, and the learning rate that did not end in NaN."""
    with folder_beside(output) as folder:
        lines = folder / "lines.txt"
        with lines.open("w", encoding="utf-8", errors="replace") as stream:
            for line in _interleaved(labelled):
                stream.write(line)
        return train_supervised(lines, _RATES, **SETTINGS)


def _interleaved(labelled: dict[str, Labelled]) -> Iterable[str]:
    """Lines of all domains, evenly mixed and each domain as often as the largest: no prior, and no run of one label."""
    most = min(max(len(side.train) for side in labelled.values()), 4000)
    for place in range(most):
        for domain, side in labelled.items():
            yield f"{LABEL_PREFIX}{domain} {side.train[place % len(side.train)]}\n"
