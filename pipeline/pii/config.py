"""The stage that takes personal data out of the text before anything reaches the disk."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import Field, field_validator

from pipeline.batch import DocumentBatch
from pipeline.lists import digest_of
from pipeline.pii.business import is_business
from pipeline.pii.context import Model, default_model, load_model
from pipeline.pii.kind import PiiSpan
from pipeline.pii.regions import likely_regions
from pipeline.pii.spans import KINDS, PLACEHOLDERS, find_spans, scrub
from pipeline.stage import Columns, Rule, Stage, signal
from storage.schema import Section

VERSION = 4
"""Raised when a kind finds more or less than it did: the patterns are no settings that a fingerprint could see."""

KIND_NAMES = tuple(kind.name for kind in KINDS)
SEPARATORS = re.compile(r"[\s().,\-/]+")
SPAN = pa.struct(
    [
        ("kind", pa.string()),
        ("start", pa.int64()),
        ("replaced_chars", pa.int64()),
        ("confidence", pa.float64()),
        ("identity", pa.int64()),
    ]
)


class PiiConfig(Section):
    """Personal data: what is looked for, and how sure we must be."""

    enabled: bool = True
    kinds: tuple[str, ...] = Field(KIND_NAMES, description="Kinds replaced; all there are by default.")
    min_confidence: float = Field(0.7, ge=0, le=1, description="Hits less sure than this stay in the text.")

    judge_context: bool = Field(True, description="let a classifier of the words around decide on doubtful numbers")
    model: str | None = Field(
        None, description="file of `winnow pii train`; by default trained on generated text alone"
    )
    keep_business_addresses: bool = Field(
        False, description="leave addresses in the text that the words around them make an office's or a shop's"
    )
    max_hits: int | None = Field(None, ge=0, description="replacements after which a page is dropped; none: never")

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(kinds) - set(KIND_NAMES))
        if unknown:
            raise ValueError(f"unknown kinds of personal data: {', '.join(unknown)}; known: {', '.join(KIND_NAMES)}")
        return kinds

    def classifier(self) -> Model | None:
        """What judges contexts; None where nothing does. UserError where `model` names no file of ours."""
        if not self.judge_context:
            return None
        return default_model() if self.model is None else read_model(self.model, digest_of(self.model))

    def signature_settings(self) -> dict[str, Any]:
        """What decides the rows: the settings, and the model by what is in it."""
        digest = digest_of(self.model) if self.model and self.judge_context else None
        return self.model_dump(exclude={"model"}) | {"model": digest}

    def stages(self) -> tuple[Stage, ...]:
        """The stage, or nothing where it is switched off."""
        return (_stage(self),) if self.enabled else ()


def find_personal_data(
    text: str, config: PiiConfig, language: str | None = None, host: str | None = None, model: Model | None = None
) -> list[PiiSpan]:
    """Personal data in one text, in order, without overlaps; `scrub` takes it out. `model`: `config.classifier()`."""
    found = find_spans(text, config.kinds, likely_regions(language, host), config.min_confidence, model)
    if not config.keep_business_addresses:
        return found
    return [span for span in found if span.kind != "address" or not is_business(text, span)]


@lru_cache(maxsize=2)
def read_model(path: str, _digest: str) -> Model:
    """A model of `winnow pii train`, read once for what is in it."""
    return load_model(Path(path).read_text("utf-8", "replace"), path)


def _stage(config: PiiConfig) -> Stage:
    given = config.classifier() if config.model else None  # at once, since the file may not be there

    def compute(batch: DocumentBatch) -> Columns:
        model = given or config.classifier()  # the default one is trained for who judges pages alone
        languages, hosts = _optional(batch, "language"), _optional(batch, "host")
        found = [
            find_personal_data(text, config, language, host, model)
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
            signal("pii_hit_count", "stretches replaced, of all kinds", "count"),
        ]
    )
    rule = Rule("pii.pii_hit_count", "pii_hit_count", high=config.max_hits, knob="pii.max_hits")
    rules = (rule,) if config.max_hits is not None else ()
    return Stage("pii", adds, compute, rules, version=VERSION, survivors_only=True)


def _optional(batch: DocumentBatch, name: str) -> list[str | None]:
    return batch.column(name).to_pylist() if name in batch.names else [None] * batch.num_rows


def _columns(texts: list[str], found: list[list[PiiSpan]]) -> Columns:
    counts = [Counter(span.kind for span in spans) for spans in found]
    scrubbed = [scrub(text, spans) for text, spans in zip(texts, found, strict=True)]
    return {
        "text": pa.array(scrubbed, pa.string()),
        "pii_spans": pa.array([_placed(t, s) for t, s in zip(texts, found, strict=True)], pa.list_(SPAN)),
        **{f"pii_{name}_count": pa.array([count[name] for count in counts], pa.float64()) for name in KIND_NAMES},
        "pii_hit_count": pa.array([float(len(spans)) for spans in found], pa.float64()),
    }


def _placed(text: str, spans: list[PiiSpan]) -> list[dict[str, object]]:
    """Spans as rows of the `pii` table: `start` is where the placeholder stands in the scrubbed text.

    `identity` numbers the values of a kind within the text in the order they first come: two spans have one number when
    they replaced one value, however it was punctuated. It is all that is kept of a value.
    """
    rows: list[dict[str, object]] = []
    numbers: dict[str, dict[str, int]] = {}
    shift = 0
    for span in spans:
        replaced, known = span.end - span.start, numbers.setdefault(span.kind, {})
        rows.append(
            {
                "kind": span.kind,
                "start": span.start + shift,
                "replaced_chars": replaced,
                "confidence": span.confidence,
                "identity": known.setdefault(SEPARATORS.sub("", text[span.start : span.end]).casefold(), len(known)),
            }
        )
        shift += len(PLACEHOLDERS[span.kind]) - replaced
    return rows
