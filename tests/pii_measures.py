"""How good the search for personal data is: precision and recall on labelled text, false hits on ordinary text.

Shared by the tests and by tests/bench/bench_pii.py. Labelled texts are made from templates, and two texts of one
template differ only in the values: the halves are therefore cut by template, never by position.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import zstandard

LABELS = {
    "EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone", "US_SSN": "ssn", "CREDIT_CARD": "card",
    "IP_ADDRESS": "ip", "IBAN_CODE": "iban", "STREET_ADDRESS": "address",
}  # fmt: skip
"""The shared set's names of the kinds that a text's characters can tell (no persons, no organisations)."""

KNOWN = frozenset(LABELS.values())
Spans = list[tuple[str, int, int]]
"""Kind, start and end of each."""


HOSTILE = (
    "a", "a@", "a@b.", "1", "1 ", "12 ", "1.", "a:", "::", "+1 ", "(", "415-555-2671-",
    "4111 1111 1111 1111 ", "8.8.", "é", "Aa ", "12 Aa ", "É ", "x at y dot com ", "tel 1", "Apt 5 ",
    "Rue de ", "address is ", "DE89 ", "A1B2", "aa:", "aa:bb:cc:dd:ee:0f ", "lat 1.2345 ", "52°31'12\"N ",
    "AKIA", "sk-",
    "-----BEGIN PRIVATE KEY-----\nMIIB", "api_key=", "password = a1B2c3D4e5F6g7H8 ",
    "eyJ", "date of birth ", "i was born on May ",
    "my name is Aa ", "Ship to: Aa ", "nhs ", "passport no 1", "driver's license no ", "9", "123.456.789-09 ",
    "<", "<EMAIL>", "jane@x.com4155552671 ", "call 415-555-2671, ",
)  # fmt: skip
"""Units that, repeated, give a pattern as much to look at and to give up as there is: every kind has its own."""


@dataclass
class Tally:
    """Labels, labels met, claims and claims that meet a label, by kind."""

    labels: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    claims: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)

    def add(self, gold: Spans, claimed: Spans) -> None:
        """One text's. A claim meets a label of its kind when they share a character."""
        meets = [[k == kind and s < end and start < e for kind, s, e in claimed] for k, start, end in gold]
        self.labels.update(kind for kind, _, _ in gold)
        self.met.update(kind for (kind, _, _), row in zip(gold, meets, strict=True) if any(row))
        self.claims.update(kind for kind, _, _ in claimed if kind in KNOWN)
        self.right.update(kind for i, (kind, _, _) in enumerate(claimed) if any(row[i] for row in meets))

    def scores(self, kind: str) -> tuple[float, float, float]:
        """Precision, recall and F1 of a kind; of all kinds together for "all"."""
        if kind == "all":
            labels, met, claims, right = (c.total() for c in (self.labels, self.met, self.claims, self.right))
        else:
            labels, met, claims, right = (c[kind] for c in (self.labels, self.met, self.claims, self.right))
        precision = right / claims if claims else 0.0
        recall = met / labels if labels else 0.0
        return precision, recall, 2 * precision * recall / (precision + recall) if right and met else 0.0


def labelled_texts(shared_data: Path, held_out: bool) -> Iterator[tuple[str, Spans]]:
    """Texts and labels of the templates held out (every second one) or of the others."""
    for sample in json.loads((shared_data / "pii/synth_dataset_v2.json").read_text()):
        if (sample["template_id"] % 2 == 1) == held_out:
            labels = [
                (LABELS[item["entity_type"]], item["start_position"], item["end_position"])
                for item in sample["spans"]
                if item["entity_type"] in LABELS
            ]
            yield sample["full_text"], labels


def hostile_text(unit: str, size: int) -> str:
    """The unit repeated to so many characters."""
    return (unit * (size // len(unit) + 1))[:size]


def measure(texts: Iterator[tuple[str, Spans]], find: Callable[[str], Spans]) -> Tally:
    """The tally of a finder over labelled texts."""
    tally = Tally()
    for text, gold in texts:
        tally.add(gold, find(text))
    return tally


def texts_of(path: Path, most: int | None = None) -> Iterator[str]:
    """Field `text` of a JSONL.zst file, the first `most` lines."""
    with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
        for number, line in enumerate(io.TextIOWrapper(stream, "utf-8")):
            if most is not None and number >= most:
                return
            yield json.loads(line)["text"]
