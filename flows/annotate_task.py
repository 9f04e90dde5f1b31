"""One archive to pages, documents, bands and books: the unit of work of the corpus flow.

Reads records in stream order, turns them into pages, runs the recipe's stages over batches, and writes one row for
every content record and every unreadable span. The archive's own row, with its books, is written last: until then
nothing of the archive exists for a reader of the lake.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from flows.annotate_rows import (
    batch_of,
    contamination_of,
    describe,
    documents_of,
    forgotten_row,
    identify,
    judged_rows,
    pages_schema,
    pii_of,
)
from flows.archive_input import Reader, open_archive
from flows.batching import Batching
from flows.heap import give_back_freed_memory, keep_freed_memory
from flows.model_files import identity_of
from flows.recipe import Recipe
from flows.stall import renew
from pipeline.archive.page import to_page
from pipeline.archive.records import Page, Record, Refusal, Skip, Unreadable
from pipeline.benchmarks import benchmark_rows
from pipeline.dedup.signatures import band_table
from pipeline.judging import StageCost, Verdicts, run_stages
from pipeline.mapped_code import give_back_code
from pipeline.stage import Stage
from storage import schema
from storage.errors import Fatal
from storage.lake import Lake, fingerprint
from storage.lease import Fence, committing
from storage.shards import Output, ShardWriter, write_table
from storage.sources import Source
from storage.tombstones import read_tombstones

VERSION = 1
"""Raised when this file changes what it writes; part of every annotate fingerprint."""


@dataclass(frozen=True)
class AnnotateJob:
    """What one task needs to know; picklable."""

    lake: str
    source: Source
    recipe: Recipe
    fence: Fence | None = None
    """Of the run that asks: what it does not own any more it cannot commit."""

    @property
    def label(self) -> str:
        return f"{self.source.crawl}/{self.source.archive}"

    @property
    def stages(self) -> tuple[Stage, ...]:
        return self.recipe.stages(self.source.domain)

    @property
    def fingerprint(self) -> str:
        """Hash of everything that decides this archive's rows: sections used, stage versions, the input itself."""
        source = self.source
        identity = (source.crawl, source.archive, source.domain, source.content)
        # of deduplication only the signature counts: moving its threshold must not read the archives again
        sections = [
            getattr(s, "signature_settings", lambda s=s: identity_of(s))() for s in self.recipe.sections(source.domain)
        ]
        stages = [(stage.name, stage.version, stage.rules) for stage in self.stages]
        return fingerprint("annotate", VERSION, self.recipe.archive, sections, stages, identity)


def annotate(job: AnnotateJob) -> dict[str, Any]:
    """Read one archive into the lake; its `archives` row. Does nothing where that row is already there.

    Raises:
        Transient: The source did not answer; nothing was written.
        ShardFailed: The source is gone, has changed, or cannot be had whole; nothing was written.
        Fatal: The books of the archive do not balance, or the lake cannot be written.
    """
    keep_freed_memory()
    give_back_code("imports")
    lake = Lake(job.lake)
    key = (job.source.crawl, job.source.archive, job.fingerprint)
    if done := lake.archive_row(*key):
        return done
    work = _Annotation(job, lake, job.fingerprint)
    with ExitStack() as stack:
        reader, size = open_archive(job.lake, job.source, job.recipe.archive, stack)
        work.open_writers(stack)
        work.read(reader)
        outputs = work.finish(reader)
    with committing(job.lake, job.fence):  # costs differ each time: only the owner's may lie beside the row
        row = work.row(reader, size, outputs)
        write_table(lake.root, lake.archive_row_path(*key), "archives", pa.Table.from_pylist([row], schema.ARCHIVES))
    return row


@dataclass
class _Books:
    """Records and bytes of one archive, by fate."""

    records: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)

    def count(self, fate: str, length: int) -> None:
        self.records[fate] += 1
        self.bytes[fate] += length

    def columns(self) -> dict[str, int]:
        fates = ("kept", "dropped", "skipped", "unreadable")
        return {f"{fate}_records": self.records[fate] for fate in fates} | {
            f"{fate}_bytes": self.bytes[fate] for fate in fates
        }


class _Annotation:
    """The state of one archive's pass."""

    def __init__(self, job: AnnotateJob, lake: Lake, fp: str) -> None:
        self.job, self.lake, self.fp = job, lake, fp
        self.stages = job.stages
        self.tombstones = read_tombstones(lake)
        self.books = _Books()
        self.costs: dict[str, StageCost] = {}
        self.rows: list[dict[str, Any]] = []  # identities of the batch, in stream order, pages and refusals mixed
        self.bodies: list[tuple[int, Page]] = []  # (index into rows, page) of those that are pages
        self.batching = Batching()
        self.started = (time.process_time(), time.perf_counter())

    def open_writers(self, stack: ExitStack) -> None:
        crawl, archive, lake = self.job.source.crawl, self.job.source.archive, self.lake
        paths = {
            "pages": (lake.pages_path(crawl, archive, self.fp), pages_schema(self.stages)),
            "documents": (lake.documents_path(crawl, archive, self.fp), schema.DOCUMENTS),
            "bands": (lake.bands_path(crawl, archive, self.fp), schema.BANDS),
            "pii": (lake.pii_path(crawl, archive, self.fp), schema.PII),
        }
        if self.decontaminates:
            paths["contamination"] = (lake.contamination_path(crawl, archive, self.fp), schema.CONTAMINATION)
            paths["benchmarks"] = (lake.benchmarks_path(crawl, archive, self.fp), schema.BENCHMARKS)
        self.writers = {
            name: stack.enter_context(ShardWriter(lake.root, path, name, table_schema))
            for name, (path, table_schema) in paths.items()
        }

    @property
    def decontaminates(self) -> bool:
        """Whether pages are searched for benchmarks."""
        return any(stage.name == "decontaminate" for stage in self.stages)

    def read(self, reader: Reader) -> None:
        for item in self._timed(reader):
            if isinstance(item, Unreadable):
                self._add(item, {"fate": "unreadable", "detail": item.cause})
                continue
            page = self._page_of(item)
            if isinstance(page, Skip):
                self.books.count("skipped", item.length)
                self.books.skipped[page.kind] += 1
            elif self._add_forgotten(item, page):
                pass
            elif isinstance(page, Refusal):
                rule = f"archive.{page.reason}"
                verdict = {"fate": "dropped", "dropped_by": "archive", "dropped_by_rule": rule, "failed_rules": [rule]}
                self._add(item, describe(page) | verdict | {"detail": page.detail})
            else:
                self.bodies.append((len(self.rows), page))
                self._add(item, describe(page))
                self.batching.add(page)
            if self.batching.is_full(len(self.rows)):
                self.flush()
        self.flush()

    def _timed(self, reader: Reader) -> Iterator[Record | Unreadable]:
        """The reader's items, its CPU time counted as stage `read`."""
        cost = self.costs.setdefault("read", StageCost())
        items = iter(reader)
        while True:
            renew()
            started = time.process_time()
            item = next(items, None)
            cost.cpu_seconds += time.process_time() - started
            if item is None:
                return
            cost.rows += 1
            yield item

    def _page_of(self, record: Record) -> Page | Refusal | Skip:
        cost = self.costs.setdefault("decode", StageCost())
        started = time.process_time()
        page = to_page(record, self.job.recipe.archive)
        cost.cpu_seconds += time.process_time() - started
        cost.rows += 1
        return page

    def _add(self, item: Record | Unreadable, values: dict[str, Any]) -> None:
        self.rows.append(identify(item, self.job.source) | values)

    def _add_forgotten(self, item: Record, page: Page | Refusal) -> bool:
        """Whether somebody asked to forget it; then its row says that, and nothing else of it goes any further."""
        row = identify(item, self.job.source)
        if not self.tombstones.hold(row["doc_id"], page.url, page.host):
            return False
        self.rows.append(forgotten_row(row, self.job.source.domain))
        return True

    def flush(self) -> None:
        """Judge and write what has been gathered, in stream order."""
        if not self.rows:
            return
        verdicts = run_stages(batch_of([(self.rows[index], page) for index, page in self.bodies]), self.stages)
        for name, cost in verdicts.costs.items():
            total = self.costs.setdefault(name, StageCost())
            total.rows += cost.rows
            total.cpu_seconds += cost.cpu_seconds
        pages = self._pages(verdicts)
        for row in pages.select(["fate", "length"]).to_pylist():
            self.books.count(row["fate"], row["length"])
        self.writers["pages"].write(pages)
        self._write_survivors(verdicts.survivors)
        if self.decontaminates:
            self.writers["contamination"].write(contamination_of(verdicts.table))
        self.batching.judged(verdicts)
        self.rows, self.bodies = [], []
        give_back_code("the first batch")

    def _pages(self, verdicts: Verdicts) -> pa.Table:
        """The ledger rows of the batch: judged pages and refusals, back in stream order."""
        judged = judged_rows(verdicts, self.stages)
        positions = [index for index, _ in self.bodies]
        taken = set(positions)
        others = [index for index in range(len(self.rows)) if index not in taken]
        refused = pa.Table.from_pylist([{"failed_rules": []} | self.rows[index] for index in others], judged.schema)
        order = sorted(range(len(self.rows)), key=(positions + others).__getitem__)
        return pa.concat_tables([judged, refused]).take(pa.array(order, pa.int64()))

    def _write_survivors(self, survivors: pa.Table) -> None:
        self.writers["documents"].write(documents_of(survivors))
        if "bands" in survivors.column_names:
            self.writers["bands"].write(band_table(survivors))
        self.writers["pii"].write(pii_of(survivors))

    def finish(self, reader: Reader) -> list[Output]:
        """Close the books and the files. Fatal where a record or a byte is missing."""
        accounted = sum(self.books.bytes.values())
        if accounted != reader.stream_bytes:
            raise Fatal(
                f"the books of {self.job.label} do not balance: its spans add up to {accounted:,} bytes, "
                f"it has {reader.stream_bytes:,}.",
                "This is a defect of the reader; nothing of the archive was kept.",
            )
        if self.decontaminates:
            section = self.job.recipe.decontaminate
            rows = benchmark_rows(section.benchmarks, section.index())
            self.writers["benchmarks"].write(pa.Table.from_pylist(rows, schema.BENCHMARKS))
        give_back_freed_memory()  # writing takes as much, in other blocks
        return [writer.finish() for writer in self.writers.values()]

    def row(self, reader: Reader, file_bytes: int, outputs: list[Output]) -> dict[str, Any]:
        """The archive's row; its costs are written before it."""
        books, source = self.books, self.job.source
        outputs = [*outputs, self._write_costs(reader.stream_bytes)]
        return {
            "crawl": source.crawl, "archive": source.archive, "fingerprint": self.fp, "uri": source.kept_uri,
            "sha256": source.sha256, "format": reader.format, "offsets_in": reader.offsets_in,
            "source": source.to_json(), "selection": source.excerpt.plan if source.excerpt else None,
            "file_bytes": file_bytes, "stream_bytes": reader.stream_bytes, "records": sum(books.records.values()),
            **books.columns(), "skipped_by_kind": sorted(books.skipped.items()),
            "stages": [stage.name for stage in self.stages],
            "outputs": [output.to_dict() for output in outputs], "finished_at": datetime.now(UTC),
        }  # fmt: skip

    def _write_costs(self, stream_bytes: int) -> Output:
        source = self.job.source
        key = {"step": "annotate", "crawl": source.crawl, "archive": source.archive, "fingerprint": self.fp}
        rows = [
            key | {"stage": name, "rows": cost.rows, "cpu_seconds": cost.cpu_seconds}
            for name, cost in self.costs.items()
        ]
        cpu, wall = time.process_time() - self.started[0], time.perf_counter() - self.started[1]
        whole = {"stage": "all", "rows": sum(self.books.records.values()), "bytes": stream_bytes}
        rows.append(key | whole | {"cpu_seconds": cpu, "wall_seconds": wall})
        path = self.lake.costs_path("annotate", self.job.label, self.fp)
        return write_table(self.lake.root, path, "costs", pa.Table.from_pylist(rows, schema.COSTS))
