"""The gold pages of WCXB: loading, the fixed split into a half to tune on and a half to report, and the metric.

Source: Foley 2026, WCXB: A Multi-Type Web Content Extraction Benchmark, https://arxiv.org/abs/2605.21097
    (data: CC-BY-4.0)
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import zstandard
from warcio.archiveiterator import ArchiveIterator

from pipeline.extract.decode import decode_page

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
ARCHIVE = DATA / "warc" / "wcxb-dev.warc.gz"
GOLD = DATA / "html" / "wcxb-dev-ground-truth.jsonl.zst"
_WORD = re.compile(r"\w+")


class GoldPage(NamedTuple):
    """A page and what a careful reader says its main content is."""

    url: str
    kind: str
    html: str
    gold: str

    @property
    def tuning(self) -> bool:
        """Whether the page is of the half to tune on; all pages of a host are of one half."""
        host = (urlsplit(self.url).hostname or "").removeprefix("www.")
        return hashlib.sha256(host.encode()).digest()[0] % 2 == 0


class Score(NamedTuple):
    """Words shared by text and gold, as shares (0..1) of the text's, of the gold's, and their harmonic mean."""

    precision: float
    recall: float
    f1: float


def read_gold() -> Iterator[GoldPage]:
    """The pages that have gold text, in the archive's order; the 27 whose gold is empty are left out."""
    gold = _read_rows()
    with ARCHIVE.open("rb") as stream:
        for record in ArchiveIterator(stream):
            row = gold.pop(record.rec_headers.get_header("WARC-Target-URI"), None)
            if record.rec_type == "response" and row is not None:
                html, _ = decode_page(record.content_stream().read(), None)
                kind = row["_internal"]["page_type"]["primary"]
                yield GoldPage(row["url"], kind, html.decode(), row["ground_truth"]["main_content"])


def _read_rows() -> dict[str, dict[str, Any]]:
    """The benchmark's rows with gold text by URL."""
    with GOLD.open("rb") as packed:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(packed), encoding="utf-8")
        rows = [json.loads(line) for line in lines]
    return {row["url"]: row for row in rows if row.get("url") and row["ground_truth"].get("main_content")}


def score_words(text: str, gold: str) -> Score:
    """Compare two texts as bags of lower-case `\\w+` words, each word as often as it stands there; order is ignored."""
    found, wanted = Counter(_WORD.findall(text.lower())), Counter(_WORD.findall(gold.lower()))
    shared = sum((found & wanted).values())
    if not shared:
        return Score(0.0, 0.0, 0.0)
    precision, recall = shared / found.total(), shared / wanted.total()
    return Score(precision, recall, 2 * precision * recall / (precision + recall))
