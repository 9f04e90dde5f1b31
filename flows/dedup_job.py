"""One crawl's deduplication: what each unit of it is handed, and the files the units hand to each other."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from pipeline.dedup.config import DedupConfig
from storage import files
from storage.catalog import Catalog, Scratch
from storage.lake import Lake
from storage.schema import PAGE_KEY, field, table
from storage.shards import Output

BandRange = tuple[int, int]
"""Bands low to high, high exclusive."""

RANKED = table(
    field("rank", pa.int64(), "0 is the best page"),
    *PAGE_KEY,
    field("doc_id", pa.string(), "the page"),
    field("text_bytes", pa.int64(), "size of the text in UTF-8", "bytes"),
    field("file", pa.int32(), "documents file, position in the job's list"),
    field("file_row", pa.int64(), "row of it"),
    field("first", pa.int64(), "rank of the best page of the same text"),
)
CANDIDATES = table(
    field("better", pa.int64(), "rank of the better page"), field("worse", pa.int64(), "rank of the other")
)
CUT = table(
    field("band", pa.int16(), "band number"),
    field("buckets", pa.int64(), "buckets of more than max_bucket pages"),
    field("pages", pa.int64(), "pages in them"),
    field("largest", pa.int64(), "pages of the largest"),
)
PAIRS = table(*CANDIDATES, field("part", pa.int32(), "part it is verified in"))
EDGES = table(*CANDIDATES, field("jaccard", pa.float64(), "measured similarity, at least the threshold"))


@dataclass(frozen=True)
class DedupJob:
    """What every unit of one crawl's deduplication needs to know; picklable.

    Attributes:
        lake: Root of the lake.
        crawl: The crawl, or the name of the group of crawls deduplicated together.
        fingerprint: Of the step.
        documents: Files of table documents.
        bands: Files of table bands; they may cover more pages than `documents`.
        config: The recipe's section.
        threads: Threads of a unit.
    """

    lake: str
    crawl: str
    fingerprint: str
    documents: tuple[Output, ...]
    bands: tuple[Output, ...]
    config: DedupConfig
    threads: int = 1

    @property
    def folder(self) -> str:
        """The step's working folder, absolute; it goes when the step is done."""
        finished = Lake(self.lake).duplicates_path(self.crawl, self.fingerprint)
        return Lake(self.lake).absolute(finished.removesuffix(".parquet") + ".work")

    def uri(self, name: str) -> str:
        """A file of the working folder, absolute."""
        return f"{self.folder}/{name}.parquet"

    def working_files(self, prefix: str = "") -> list[str]:
        """Finished files of the working folder whose names begin so, absolute, sorted."""
        found = files.list_files(self.folder, ".parquet")
        return [uri for uri in found if uri.rpartition("/")[2].startswith(prefix)]

    def uris(self, outputs: tuple[Output, ...]) -> list[str]:
        """Files of the lake, absolute."""
        return [Lake(self.lake).absolute(output.path) for output in outputs]

    def scratch(self) -> Scratch:
        """A database with half of the memory: the other half is for texts and shingles."""
        return Catalog(Lake(self.lake)).scratch(f"{self.config.memory_limit_bytes // 2**21}MiB", self.threads)
