"""Test items of benchmarks in pages: found, recorded, and the page dropped or the stretch cut.

A stretch counts when 13 of its words in a row are those of a passage (case, punctuation and diacritics apart), over
single changed, added or missing words; a passage shorter than that counts when it is there whole, but for a word in
eight. How much it weighs is the share of the item's words that the page holds: a quotation of a long article is no
contamination, a short question in full is.

Source: 13-grams as in GPT-3 (Brown et al. 2020, arXiv:2005.14165, appendix C); skipping over single words as Llama 2's
skip-grams do (Touvron et al. 2023, arXiv:2307.09288, appendix A.6).
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, field_validator

from pipeline.batch import DocumentBatch
from pipeline.benchmarks import CONTAMINATION_SPANS, BenchmarkFile, Index, digest_of, read_index
from pipeline.dedup.normalise import fold_table
from pipeline.kernels.contamination import find_matches
from pipeline.stage import Columns, Rule, Stage, signal
from storage.schema import Section

SEED_WORDS = 6
MAX_PLACES = 64
"""Occurrences of one seed that are followed up. Phrases more common than that are a benchmark's boilerplate."""

SIGNALS = pa.schema(
    [
        signal("contamination_score", "largest share of a benchmark item's words that the page holds", "0..1"),
        signal("contaminated_item_count", "benchmark items of which the page holds a stretch", "count"),
        signal("contaminated_word_frac", "words of the page that are in such stretches", "0..1", null="no words"),
        signal("contamination_spans", "the stretches, before any cut", type=CONTAMINATION_SPANS),
    ]
)
TEXT = signal("text", "text without the stretches cut", type=pa.string(), null="no text")

Action = Literal["drop", "cut", "mark"]


class DecontaminateConfig(Section):
    """Benchmarks that must not be in the corpus. Without any this section does nothing."""

    enabled: bool = True
    benchmarks: tuple[BenchmarkFile, ...] = Field((), description="[[decontaminate.benchmarks]]: name, path, fields")
    ngram: int = Field(13, ge=6, le=100, description="words in a row that make a match (GPT-3)")
    min_words: int = Field(8, ge=6, description="passages shorter than this are chance and not looked for (GPT-3)")
    allow_edits: bool = Field(True, description="go on over single changed, added or missing words")
    action: Action = Field("drop", description="what becomes of a page that holds an item: drop, cut the stretch, mark")
    max_score: float = Field(0.1, ge=0, lt=1, description="largest share of an item's words that a page may hold")

    @field_validator("benchmarks")
    @classmethod
    def _named_once(cls, files: tuple[BenchmarkFile, ...]) -> tuple[BenchmarkFile, ...]:
        names = [file.name for file in files]
        if len(set(names)) < len(names):
            raise ValueError("two benchmarks of one name")
        return files

    def index(self) -> Index:
        """The benchmarks' passages; UserError where a file cannot be read."""
        return read_index(self.benchmarks, self.ngram, self.min_words, SEED_WORDS, MAX_PLACES)

    def signature_settings(self) -> dict[str, Any]:
        """What decides the rows: the settings and what is in the files, wherever they lie."""
        files = [(file.name, file.fields, digest_of(file.path)) for file in self.benchmarks]
        return self.model_dump(exclude={"benchmarks"}) | {"benchmarks": files}

    def stages(self) -> tuple[Stage, ...]:
        """The stage, or nothing where there are no benchmarks. It judges only where the action is to drop."""
        if not (self.enabled and self.benchmarks):
            return ()
        rule = Rule(
            "decontaminate.contamination_score",
            "contamination_score",
            high=self.max_score,
            knob="decontaminate.max_score",
        )
        adds = SIGNALS.append(TEXT) if self.action == "cut" else SIGNALS
        return (
            Stage(
                "decontaminate",
                adds,
                partial(measure, config=self, index=self.index()),
                (rule,) if self.action == "drop" else (),
            ),
        )


def measure(batch: DocumentBatch, config: DecontaminateConfig, index: Index) -> Columns:
    """`SIGNALS` of each text, and with the action "cut" the text without the stretches."""
    data = batch.utf8
    found = find_matches(data.data, data.offsets, fold_table(), index.passages, SEED_WORDS, config.allow_edits)
    rows: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for document, start, end, passage, matched in zip(*(column.tolist() for column in found[:5]), strict=True):
        rows[document].append({"start": start, "end": end, "passage": passage, "matched_words": matched})
    spans = [_spans(batch, d, rows[d], index, config) if d in rows else [] for d in range(batch.num_rows)]
    words = found.text_words.astype(np.float64)
    inside = np.array([_matched(part) for part in spans], np.float64)
    columns: dict[str, Any] = {
        "contamination_score": pa.array([max((s["score"] for s in part), default=0.0) for part in spans], pa.float64()),
        "contaminated_item_count": pa.array([float(len({(s["benchmark"], s["item"]) for s in p})) for p in spans]),
        "contaminated_word_frac": pa.array(
            [min(i / w, 1.0) if w else None for i, w in zip(inside.tolist(), words.tolist(), strict=True)], pa.float64()
        ),
        "contamination_spans": pa.array(spans, CONTAMINATION_SPANS),
    }
    if config.action == "cut":
        columns["text"] = pa.array([_cut(t, part) for t, part in zip(batch.texts, spans, strict=True)], pa.string())
    return columns


def _spans(
    batch: DocumentBatch, document: int, rows: list[dict[str, Any]], index: Index, config: DecontaminateConfig
) -> list[dict[str, Any]]:
    """Rows of the `contamination` table, in order; offsets in characters of the text."""
    utf8 = batch.utf8
    first, last = int(utf8.offsets[document]), int(utf8.offsets[document + 1])
    leads = np.cumsum((utf8.data[first:last] & 0xC0) != 0x80)
    held: dict[int, int] = defaultdict(int)
    for row in rows:
        held[index.item_of[row["passage"]]] += row["matched_words"]
    spans = []
    for row in rows:
        number = index.item_of[row["passage"]]
        item = index.items[number]
        start = int(leads[row["start"] - first]) - 1
        score = min(held[number] / max(item.words, 1), 1.0)
        spans.append(
            {
                "benchmark": item.benchmark, "item": item.number, "start": start,
                "chars": int(leads[row["end"] - first - 1]) - start, "matched_words": row["matched_words"],
                "item_words": item.words, "score": score,
                "action": config.action if score > config.max_score else "mark",
            }
        )  # fmt: skip
    return sorted(spans, key=lambda span: (span["start"], span["benchmark"], span["item"], span["chars"]))


def _matched(spans: list[dict[str, Any]]) -> int:
    """Words in the stretches; of stretches that overlap the larger counts."""
    total, end = 0, -1
    for span in spans:
        if span["start"] >= end:
            total += span["matched_words"]
        end = max(end, span["start"] + span["chars"])
    return total


def _cut(text: str, spans: list[dict[str, Any]]) -> str:
    parts, position = [], 0
    for span in spans:
        if span["action"] == "cut" and span["start"] + span["chars"] > position:
            parts.append(text[position : span["start"]])
            position = span["start"] + span["chars"]
    return "".join([*parts, text[position:]]) if parts else text
