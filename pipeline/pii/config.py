"""The stage that takes personal data out of the text before anything reaches the disk."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
from pydantic import Field, field_validator

from pipeline.batch import DocumentBatch
from pipeline.pii.kind import PiiSpan
from pipeline.pii.regions import likely_regions
from pipeline.pii.spans import KINDS, PLACEHOLDERS, find_spans, scrub
from pipeline.stage import Columns, Stage, signal
from storage.schema import Section

KIND_NAMES = tuple(kind.name for kind in KINDS)
SPAN = pa.struct(
    [
        ("kind", pa.string()),
        ("start", pa.int64()),
        ("replaced_chars", pa.int64()),
        ("confidence", pa.float64()),
    ]
)


class PiiConfig(Section):
    """Personal data: what is looked for, and how sure we must be."""

    enabled: bool = True
    kinds: tuple[str, ...] = Field(KIND_NAMES, description="Kinds replaced: email, card, ip, ssn, phone, address.")
    min_confidence: float = Field(0.7, ge=0, le=1, description="Hits less sure than this stay in the text.")

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(kinds) - set(KIND_NAMES))
        if unknown:
            raise ValueError(f"unknown kinds of personal data: {', '.join(unknown)}; known: {', '.join(KIND_NAMES)}")
        return kinds

    def stages(self) -> tuple[Stage, ...]:
        """The stage, or nothing where it is switched off."""
        return (_stage(self),) if self.enabled else ()


def find_personal_data(
    text: str, config: PiiConfig, language: str | None = None, host: str | None = None
) -> list[PiiSpan]:
    """Personal data in one text, in order, without overlaps; `scrub` takes it out."""
    return find_spans(text, config.kinds, likely_regions(language, host), config.min_confidence)


def _stage(config: PiiConfig) -> Stage:
    def compute(batch: DocumentBatch) -> Columns:
        languages, hosts = _optional(batch, "language"), _optional(batch, "host")
        found = [
            find_personal_data(text, config, language, host)
            for text, language, host in zip(batch.texts, languages, hosts, strict=True)
        ]
        return _columns(batch.texts, found)

    adds = pa.schema(
        [
            signal("text", "text with personal data replaced by placeholders", type=pa.string(), null="no text"),
            signal("pii_spans", "what was replaced, without the values", type=pa.list_(SPAN)),
            *(
                signal(f"pii_{name}_count", f"stretches replaced by {PLACEHOLDERS[name]}", "count")
                for name in KIND_NAMES
            ),
        ]
    )
    return Stage("pii", adds, compute, survivors_only=True)


def _optional(batch: DocumentBatch, name: str) -> list[str | None]:
    return batch.column(name).to_pylist() if name in batch.names else [None] * batch.num_rows


def _columns(texts: list[str], found: list[list[PiiSpan]]) -> Columns:
    counts = [Counter(span.kind for span in spans) for spans in found]
    scrubbed = [scrub(text, spans) for text, spans in zip(texts, found, strict=True)]
    return {
        "text": pa.array(scrubbed, pa.string()),
        "pii_spans": pa.array([_placed(spans) for spans in found], pa.list_(SPAN)),
        **{f"pii_{name}_count": pa.array([count[name] for count in counts], pa.float64()) for name in KIND_NAMES},
    }


def _placed(spans: list[PiiSpan]) -> list[dict[str, object]]:
    """Spans as rows of the `pii` table: `start` is where the placeholder stands in the scrubbed text."""
    rows: list[dict[str, object]] = []
    shift = 0
    for span in spans:
        replaced = span.end - span.start
        rows.append(
            {
                "kind": span.kind,
                "start": span.start + shift,
                "replaced_chars": replaced,
                "confidence": span.confidence,
            }
        )
        shift += len(PLACEHOLDERS[span.kind]) - replaced
    return rows
