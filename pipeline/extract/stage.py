"""The stage "extract": bytes of pages to text."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

from pipeline.batch import DocumentBatch
from pipeline.extract.decode import decode_page
from pipeline.extract.engines import EXTRACTORS, Extractor
from pipeline.stage import Columns, Rule, Stage, signal

_ADDS = pa.schema(
    [
        signal("text", "text of the page", type=pa.string(), null="nothing found, or not extracted"),
        signal("charset", "character set the page was decoded with", type=pa.string(), null="text was given"),
        signal("html_bytes", "size of the page; 0 where the source gave text", "bytes", null="never"),
        signal("html_steps", "work that its markup makes the engine, in steps of 1/4 microsecond", null="never"),
        signal("text_chars", "length of the text", "characters", null="not extracted, or nothing found"),
    ]
)


class Extracted(NamedTuple):
    """What a page gave; fields as the columns of the stage."""

    text: str | None
    charset: str | None
    html_bytes: float
    html_steps: float


def extract_stage(engine: str, max_html_bytes: int, max_html_steps: int, min_text_chars: int) -> Stage:
    """Decode and extract pages.

    Reads `body` (binary; null where `text` is given already), `mime`, `charset_hint` and, if there, `text`.
    A page over the limit of size is not given to the engine, and the engine gives up on one that would make it more
    work than allowed: one such page can hold a worker for minutes.

    Args:
        engine: A name in `EXTRACTORS`.
        max_html_bytes: Largest page given to the engine.
        max_html_steps: Most work allowed, see `pipeline.extract.engines`.
        min_text_chars: Shortest text that passes.
    """
    extractor = EXTRACTORS[engine]

    def compute(batch: DocumentBatch) -> Columns:
        given = batch.column("text").to_pylist() if "text" in batch.names else [None] * batch.num_rows
        bodies = (body.as_py() for body in batch.column("body"))  # one at a time: they may be large
        labels = (batch.column(name).to_pylist() for name in ("mime", "charset_hint"))
        pages = [
            Extracted(text, None, 0.0, 0.0)
            if text is not None
            else extract_page(body or b"", mime, hint, extractor, max_html_bytes, max_html_steps)
            for text, body, mime, hint in zip(given, bodies, *labels, strict=True)
        ]
        return _columns(pages)

    rules = (
        _gate("html_bytes", "max_html_bytes", high=max_html_bytes),
        _gate("html_steps", "max_html_steps", high=max_html_steps),
        _gate("text_chars", "min_text_chars", low=min_text_chars),
    )
    return Stage("extract", _ADDS, compute, rules, version=3)


def _gate(column: str, knob: str, low: float | None = None, high: float | None = None) -> Rule:
    return Rule(f"extract.{column}", column, low=low, high=high, knob=f"extract.{knob}", gate=True)


def extract_page(
    body: bytes,
    mime: str | None,
    charset_hint: str | None,
    extractor: Extractor,
    max_bytes: int,
    max_steps: int,
) -> Extracted:
    """The text of one page; plain text passes as it is, and nothing is extracted from one over the limits."""
    html, charset = decode_page(body, charset_hint)
    if mime == "text/plain":
        return Extracted(html.decode().strip() or None, charset, len(body), 0.0)
    if len(body) > max_bytes:
        return Extracted(None, charset, len(body), 0.0)
    text, steps = extractor(html, max_steps)
    return Extracted(text or None, charset, len(body), steps)


def _columns(pages: list[Extracted]) -> Columns:
    texts = [page.text for page in pages]
    chars = [None if text is None else len(text) for text in texts]
    return {
        "text": pa.array(texts, pa.string()),
        "charset": pa.array([page.charset for page in pages], pa.string()),
        "html_bytes": pa.array([page.html_bytes for page in pages], pa.float64()),
        "html_steps": pa.array([page.html_steps for page in pages], pa.float64()),
        "text_chars": pa.array(chars, pa.float64()),
    }
