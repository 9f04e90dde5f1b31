"""Surrogates: values that look like what they stand for and are nobody's, the same for the same value of a document.

They are seeded by doc_id, kind and the number of the value within the document, never by the value: nothing of it can
be learnt from them. Every form is one that its register keeps free: example domains (RFC 2606), fictional telephone
numbers (NANP 555-01XX), documentation addresses (RFC 5737, RFC 7042), areas never given out, check digits that fail.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
from pydantic import Field

from pipeline.batch import DocumentBatch
from pipeline.pii.config import SPAN
from pipeline.pii.spans import PLACEHOLDERS
from pipeline.stage import Columns, Stage, signal
from storage.schema import Section

FIRST = ("Alex", "Casey", "Charlie", "Jamie", "Jordan", "Morgan", "Robin", "Sam", "Taylor", "Jess")
LAST = ("Example", "Sample", "Specimen", "Placeholder", "Nobody", "Anybody", "Fictitious", "Muster", "Modelo", "Doe")
STREETS = ("Example", "Sample", "Specimen", "Placeholder", "Fictitious")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October")


class SurrogatesConfig(Section):
    """Instead of placeholders: invented values. They are put in last, so that duplicates are found without them."""

    enabled: bool = Field(False, description="write invented values in place of <EMAIL>, <PHONE>...")

    def stages(self) -> tuple[Stage, ...]:
        """The stage, or nothing where it is switched off."""
        adds = pa.schema(
            [
                signal("text", "text with surrogates in place of placeholders", type=pa.string(), null="no text"),
                signal("pii_spans", "what was replaced, where the surrogates stand", type=pa.list_(SPAN)),
            ]
        )
        return (Stage("surrogates", adds, fill, survivors_only=True),) if self.enabled else ()


def fill(batch: DocumentBatch) -> Columns:
    """Each text with the surrogates of its spans, and the spans moved to where these stand."""
    if "pii_spans" not in batch.names:
        return {"text": batch.column("text"), "pii_spans": pa.nulls(batch.num_rows, pa.list_(SPAN))}
    rows = zip(batch.column("doc_id").to_pylist(), batch.texts, batch.column("pii_spans").to_pylist(), strict=True)
    filled = [replace_placeholders(doc_id, text, spans or []) for doc_id, text, spans in rows]
    return {
        "text": pa.array([text for text, _ in filled], pa.string()),
        "pii_spans": pa.array([spans for _, spans in filled], pa.list_(SPAN)),
    }


def replace_placeholders(
    doc_id: str | None, text: str, spans: Sequence[dict[str, Any]]
) -> tuple[str, list[dict[str, Any]]]:
    """The text with surrogates where its placeholders stand, and the spans there. `spans`: rows of `pii`, in order."""
    parts: list[str] = []
    moved: list[dict[str, Any]] = []
    position = length = 0
    for span in spans:
        invented = surrogate(span["kind"], doc_id, span["identity"])
        parts += [text[position : span["start"]], invented]
        length += span["start"] - position
        moved.append({**span, "start": length})
        length += len(invented)
        position = span["start"] + len(PLACEHOLDERS[span["kind"]])
    return "".join([*parts, text[position:]]), moved


def surrogate(kind: str, doc_id: str | None, identity: int) -> str:
    """An invented value of that kind: the same for the same arguments, and nobody's."""
    digest = hashlib.sha256(f"{doc_id}\0{kind}\0{identity}".encode()).digest()
    return MAKERS[kind](int.from_bytes(digest))


def _person(n: int) -> str:
    return f"{FIRST[n % 10]} {LAST[n // 10 % 10]}"


def _card(n: int) -> str:
    """Sixteen digits that no issuer has (first digit 0) and whose check digit fails."""
    return f"0000 {n % 10_000:04} {n // 10_000 % 10_000:04} {n // 10**8 % 1000:03}{_wrong_luhn(n)}"


def _wrong_luhn(n: int) -> int:
    digits = f"0000{n % 10_000:04}{n // 10_000 % 10_000:04}{n // 10**8 % 1000:03}"
    total = sum(sum(divmod(int(d) * (2 - i % 2), 10)) for i, d in enumerate(reversed(digits)))
    return (-total + 1 + n // 10**12 % 9) % 10


MAKERS: dict[str, Callable[[int], str]] = {
    "email": lambda n: f"{FIRST[n % 10].lower()}.{LAST[n // 10 % 10].lower()}{n // 100 % 1000}@example.com",
    "phone": lambda n: f"+1 {200 + n % 80 * 10 + 2} 555 01{n // 80 % 100:02}",
    "card": _card,
    "iban": lambda n: f"ZZ00 XXXX {n % 10_000:04} {n // 10_000 % 10_000:04} {n // 10**8 % 10_000:04}",
    "ip": lambda n: f"{('192.0.2', '198.51.100', '203.0.113')[n % 3]}.{1 + n // 3 % 254}",
    "mac": lambda n: f"00:00:5e:00:53:{n % 256:02x}",
    "ssn": lambda n: f"000-{1 + n % 99:02}-{1 + n // 99 % 9999:04}",
    "national_id": lambda n: f"ID-{n % 10**8:08}",
    "geo": lambda n: f"-48.{n % 10_000:04}, -123.{n // 10_000 % 10_000:04}",  # the ocean's point farthest from land
    "birthdate": lambda n: f"{1 + n % 28} {MONTHS[n // 28 % 10]} {1890 + n // 280 % 9}",
    "secret": lambda n: f"not-a-secret-{n % 10**10:010}",
    "person": _person,
    "address": lambda n: f"{1 + n % 999} {STREETS[n // 999 % 5]} Street, Nowhere",
}
"""One maker a kind; the argument is a large random number."""
