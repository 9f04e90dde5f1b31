"""The recipe's `dedup` section, and the stage that signs each page."""

from __future__ import annotations

from typing import Any, Literal

import pyarrow as pa
from pydantic import Field

from pipeline.batch import DocumentBatch
from pipeline.dedup.normalise import text_digest
from pipeline.dedup.signatures import Shingling, band_keys, shingle, sign
from pipeline.stage import Columns, Stage, signal
from storage.schema import Section

ADDS = pa.schema(
    [
        signal("text_digest", "sha256 of the text, white space collapsed, hexadecimal", type=pa.string()),
        signal("bands", "one key a MinHash band; empty for a text without words", type=pa.list_(pa.uint64())),
    ]
)


Preference = Literal["quality", "length", "newest", "oldest"]
Handling = Literal["off", "measure", "remove"]


class DedupConfig(Section):
    """Exact and near-duplicates. Defaults are FineWeb's, and the similarity is measured, not estimated.

    Source: FineWeb (Penedo et al. 2024, arXiv:2406.17557): 5-grams of words, 14 bands of 8 rows, within one
    crawl; true Jaccard >= 0.8 as in Dolma 3.
    """

    enabled: bool = Field(True, description="remove duplicates")
    exact: bool = Field(True, description="remove pages whose text differs at most in white space")
    payload: bool = Field(True, description="remove pages whose body is the same bytes, in whatever container or crawl")
    near: bool = Field(True, description="remove pages whose shingles are nearly those of a page that is kept")
    scope: Literal["crawl", "run", "lake"] = Field(
        "crawl",
        description="what a page is compared with: its crawl (FineWeb), all crawls of the run, or also every crawl "
        "that was in the lake before",
    )
    against: tuple[str, ...] = Field(
        (), description="crawls of the lake that new pages are compared with too; their own pages stay as they are"
    )
    min_jaccard: float = Field(0.8, gt=0, le=1, description="measured similarity that makes a duplicate (Dolma 3)")
    bands: int = Field(14, ge=1, le=1000, description="MinHash bands (FineWeb): more find more and cost more")
    rows: int = Field(8, ge=1, le=1000, description="MinHash values a band (FineWeb): more make a band stricter")
    ngram: int = Field(5, ge=1, description="words (FineWeb) or characters a shingle")
    unit: Literal["word", "char"] = Field("word", description="what shingles are made of")
    fold_numbers: bool = Field(True, description="read every number as 0 when comparing (datatrove's default)")
    seed: int = Field(1, ge=0, lt=2**32, description="of the permutations (datatrove and datasketch: 1)")
    prefer: tuple[Preference, ...] = Field(
        ("quality", "length"),
        max_length=4,
        description="which page of a cluster stays, first criterion first; in the end the smallest doc_id",
    )
    max_bucket: int = Field(
        64,
        ge=1,
        description="kept pages of a bucket that the others are compared with, best first; larger buckets are cut",
    )
    repeated_lines: Handling = Field(
        "off", description="lines that many pages of one host have (navigation, banners, licences); one copy stays"
    )
    repeated_paragraphs: Handling = Field("off", description="the same of whole paragraphs (lines up to an empty one)")
    line_min_pages: int = Field(10, ge=2, description="pages of a host that make a line or paragraph repeated")
    line_min_chars: int = Field(1, ge=1, description="shorter lines and paragraphs are left alone")
    repeated_substrings: Handling = Field(
        "off", description="word sequences that stand in the texts more than once; the first copy stays"
    )
    substring_words: int = Field(50, ge=2, description="words of such a sequence at least (Lee et al. 2022: 50 tokens)")
    memory_limit_bytes: int = Field(
        4 * 2**30, ge=2**26, description="of one deduplication task; what exceeds it goes to disk"
    )

    @property
    def shingling(self) -> Shingling:
        """How texts become shingles."""
        return Shingling(self.ngram, self.unit == "word", self.fold_numbers)

    @property
    def part_bytes(self) -> int:
        """Text of a part, in bytes: small enough that there are parts to share out, and large enough to pay."""
        return self.memory_limit_bytes // 16

    @property
    def spans_wanted(self) -> bool:
        """Whether parts of texts are looked at."""
        return any(handling != "off" for handling in self.spans.values())

    @property
    def removes_spans(self) -> bool:
        """Whether texts of the corpus become shorter."""
        return "remove" in self.spans.values()

    @property
    def spans(self) -> dict[str, Handling]:
        """Kind of span to what is done with it."""
        return {
            "line": self.repeated_lines,
            "paragraph": self.repeated_paragraphs,
            "substring": self.repeated_substrings,
        }

    def signature_settings(self) -> dict[str, Any]:
        """What decides digests and band keys: a later step's threshold does not touch an archive's rows."""
        names = ("near", "bands", "rows", "ngram", "unit", "fold_numbers", "seed")
        return {name: getattr(self, name) for name in names}

    def stages(self) -> tuple[Stage, ...]:
        """The stage "signature": each surviving page's digest and band keys; none when switched off."""
        return (Stage("signature", ADDS, self._sign, version=2, survivors_only=True),) if self.enabled else ()

    def _sign(self, batch: DocumentBatch) -> Columns:
        digests = pa.array([text_digest(text) for text in batch.texts], pa.string())
        return {"text_digest": digests, "bands": self._band_keys(batch)}

    def _band_keys(self, batch: DocumentBatch) -> pa.Array[Any]:
        if not self.near:
            return pa.array([[]] * batch.num_rows, pa.list_(pa.uint64()))
        shingles = shingle(batch.utf8, self.shingling)
        signatures = sign(shingles, self.bands * self.rows, self.seed)
        return band_keys(signatures, self.bands, self.rows, shingles.sizes)
