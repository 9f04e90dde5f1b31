"""A task the demo can learn: which domain of the corpus a passage is from, told from the passage alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from flows.finetuning import Start, finetune
from flows.labelled_data import Data
from flows.steps import Step
from model.finetune.config import FinetuneConfig
from pipeline.labelled.examples import Labelled
from storage.lake import Lake
from storage.shards import read_table

NAME = "domain of a passage"
DOMAINS = ("academic", "books", "code", "conversations")
PASSAGE_CHARS, APART_CHARS, MOST_PASSAGES = 240, 2_000, 5
EACH = 60
"""Passages of a domain, so that all are as many."""
MEASURED_FRAC = 0.45
SIZES, SEEDS = (24, 96), 3
CONFIG = FinetuneConfig(
    epochs=1, min_steps=12, batch_examples=16, checks=1, max_tokens=48, learning_rate=1e-3, choice_frac=0
)
"""What learns something in half a second."""


def learn_domains(lake: Lake, corpus: Step, trainings: tuple[str, ...]) -> None:
    """Fine-tune trainings on that task, from their weights and from random ones."""
    data = passages(lake, corpus)
    sizes = [min(size, len(data.train)) for size in SIZES]
    starts = [Start(pretrained, size, seed) for size in sizes for seed in range(SEEDS) for pretrained in (True, False)]
    for training in trainings:
        finetune(lake, training, data, CONFIG, starts)


def passages(lake: Lake, corpus: Step) -> Data:
    """Passages of a corpus with their documents' domains; a document's are all learned from or all measured on.

    The models have read these texts in pre-training, without their domains.
    """
    found: dict[str, list[tuple[int, str, Labelled]]] = {domain: [] for domain in DOMAINS}
    for output in corpus.outputs_of("corpus"):
        for document in read_table(lake.absolute(output.path), ["id", "text", "domain"]).to_pylist():
            if document["domain"] in found:
                found[document["domain"]] += _cut(document["id"], document["text"], document["domain"])
    sides: tuple[list[Labelled], list[Labelled]] = ([], [])
    for rows in found.values():
        for _, doc_id, labelled in sorted(rows, key=lambda row: row[0])[:EACH]:
            sides[_digest(doc_id) < MEASURED_FRAC * 2**32].append(labelled)
    return Data(NAME, "classification", tuple(sides[0]), tuple(sides[1]), (corpus.fingerprint, "1"))


def _cut(doc_id: str, text: str, domain: str) -> Iterator[tuple[int, str, Labelled]]:
    """Passages far apart, so that a long document does not fill its domain; a digest to draw by first."""
    for start in range(0, min(len(text), MOST_PASSAGES * APART_CHARS), APART_CHARS):
        passage = " ".join(text[start : start + PASSAGE_CHARS].split())
        if len(passage) >= PASSAGE_CHARS // 2:
            yield _digest(f"{doc_id} {start}"), doc_id, Labelled(passage, label=domain)


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
