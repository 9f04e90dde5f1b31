"""One deduplication: what each unit of it is handed, and the files the units hand to each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dedup.config import DedupConfig
from storage import files
from storage.catalog import Catalog
from storage.columns import field, table
from storage.database import Scratch
from storage.lake import Lake
from storage.schema import PAGE_KEY
from storage.shards import Output, read_table

BandRange = tuple[int, int]
"""Bands low to high, high exclusive."""

RANKED = table(
    field("rank", pa.int64(), "0 is the best page"),
    *PAGE_KEY,
    field("doc_id", pa.string(), "the page"),
    field("text_bytes", pa.int64(), "size of the text in UTF-8", "bytes"),
    field("file", pa.int32(), "documents file, position in the job's list"),
    field("file_row", pa.int64(), "row of it"),
    field("settled", pa.bool_(), "of an earlier crawl, where it was kept"),
    field("body", pa.uint64(), "number of the payload; 0 without"),
    field("first", pa.int64(), "rank of the best page of the same text"),
)
LINKS = table(
    field("page", pa.int64(), "rank of a page that shares a bucket"), field("root", pa.int64(), "best of its cluster")
)
MET = table(
    field("band", pa.int32(), "band number; the number of bands for payloads"),
    field("buckets", pa.int64(), "buckets of several pages"),
    field("pages", pa.int64(), "pages in them"),
    field("largest", pa.int64(), "pages of the largest"),
)
MEMBERS = table(
    field("page", pa.int64(), "rank"),
    field("cluster", pa.int64(), "rank of the best page of its cluster"),
    field("part", pa.int32(), "part that judges the cluster"),
)
TEXTS = table(
    field("part", pa.int32(), "part that judges the cluster"),
    field("cluster", pa.int64(), "rank of the best page of its cluster"),
    field("rank", pa.int64(), "rank"),
    field("body", pa.uint64(), "number of the payload; 0 without"),
    field("text", pa.string(), "the document"),
    field("keys", pa.list_(pa.uint64()), "its band keys"),
)
REMOVED = table(
    field("page", pa.int64(), "rank of the page removed"),
    field("survivor", pa.int64(), "rank of the page kept instead"),
    field("jaccard", pa.float64(), "measured similarity"),
    field("same_body", pa.bool_(), "the two are the same bytes"),
)


@dataclass(frozen=True)
class DedupJob:
    """What every unit of one deduplication needs to know; picklable.

    Attributes:
        lake: Root of the lake.
        crawls: Crawls deduplicated together.
        fingerprint: Of the step.
        documents: Files of table documents.
        bands: Files of table bands: of each documents file in the same order, row by row.
        config: The recipe's section.
        settled_documents, settled_bands: The same of earlier crawls, whose pages stay as they are.
        settled_duplicates: Files of table duplicates: pages of the earlier crawls that were removed there.
        threads: Threads of a unit.
    """

    lake: str
    crawls: tuple[str, ...]
    fingerprint: str
    documents: tuple[Output, ...]
    bands: tuple[Output, ...]
    config: DedupConfig
    settled_documents: tuple[Output, ...] = ()
    settled_bands: tuple[Output, ...] = ()
    settled_duplicates: tuple[Output, ...] = ()
    threads: int = 1

    @property
    def name(self) -> str:
        """The crawls, for a person."""
        return "+".join(self.crawls) if len(self.crawls) < 4 else f"{len(self.crawls)} crawls"

    @property
    def folder(self) -> str:
        """The step's working folder, absolute; it goes when the step is done."""
        finished = Lake(self.lake).duplicates_path(self.crawls[0], self.fingerprint)
        return Lake(self.lake).absolute(finished.removesuffix(".parquet") + ".work")

    def uri(self, name: str) -> str:
        """A file of the working folder, absolute."""
        return f"{self.folder}/{name}.parquet"

    def working_files(self, prefix: str = "") -> list[str]:
        """Finished files of the working folder whose names begin so, absolute, sorted."""
        found = files.list_files(self.folder, ".parquet")
        return [uri for uri in found if uri.rpartition("/")[2].startswith(prefix)]

    def all_documents(self) -> tuple[Output, ...]:
        """Every documents file, those of earlier crawls first: `RANKED.file` counts in it."""
        return (*self.settled_documents, *self.documents)

    def signed(self) -> Iterator[tuple[int, Output, Output | None]]:
        """Number, documents and bands of every file with documents; None where they were not signed."""
        bands = (*self.settled_bands, *self.bands)
        for number, output in enumerate(self.all_documents()):
            keys = bands[number] if number < len(bands) and bands[number].rows else None
            if keys and keys.rows != output.rows:
                raise ValueError(f"{keys.path} has {keys.rows} rows for {output.rows} documents")
            if output.rows:
                yield number, output, keys

    def absolute(self, output: Output) -> str:
        """A file of the lake, absolute."""
        return Lake(self.lake).absolute(output.path)

    def uris(self, outputs: tuple[Output, ...]) -> list[str]:
        """Files of the lake, absolute."""
        return [self.absolute(output) for output in outputs]

    def scratch(self) -> Scratch:
        """A database with half of the memory: the other half is for texts and shingles."""
        return Catalog(Lake(self.lake)).scratch(f"{self.config.memory_limit_bytes // 2**21}MiB", self.threads)


def count_settled(job: DedupJob) -> int:
    """Settled pages come first, so their number is the rank of the first that is not."""
    if not job.settled_documents:
        return 0
    return int(pc.sum(read_table(job.uri("pages"), ["settled"])["settled"]).as_py() or 0)
