"""An archive's rows under other limits, made from its rows under the old ones; only what is let in is read again.

What comes out is, to the byte, what reading the whole archive under the new recipe gives, under the same names. Costs
are the exception: they tell what this took.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from flows.annotate_rows import contamination_of, documents_of, judged_rows, pages_schema, pii_of
from flows.annotate_task import AnnotateJob
from flows.reread import judge_again, read_records
from flows.what_if.restate import check_agreement, column_values, restate, with_rows
from flows.what_if.verdicts import Move, Outcome
from pipeline.archive.records import Record
from pipeline.dedup.signatures import band_table
from pipeline.judging import Verdicts
from storage import schema
from storage.catalog import Catalog
from storage.lake import Lake
from storage.lease import committing
from storage.shards import Output, ShardWriter, iter_batches, read_table, write_table
from storage.statements import quoted
from storage.views import sql_text

TABLES = {"documents": schema.DOCUMENTS, "bands": schema.BANDS, "pii": schema.PII}
"""What is written of survivors, besides their ledger rows."""

SEARCHED = "contamination"
"""What is written of every page that the stage `decontaminate` saw, where the recipe has it."""


@dataclass(frozen=True)
class DeriveJob:
    """What one task needs to know; picklable.

    Attributes:
        old: The task that read the archive.
        new: The same archive under the new recipe.
        archive: The row that committed the old one.
    """

    old: AnnotateJob
    new: AnnotateJob
    archive: Mapping[str, Any]


def derive(job: DeriveJob) -> dict[str, Any]:
    """Write the archive's tables and row under the new recipe; that row. Nothing to do where it is there already.

    Raises:
        ShardFailed: The archive is not the one the ledger was made from.
        Fatal: A page read again contradicts the ledger, or the lake cannot be written.
    """
    lake = Lake(job.new.lake)
    key = (job.new.source.crawl, job.new.source.archive, job.new.fingerprint)
    if done := lake.archive_row(*key):
        return done
    with ExitStack() as stack:
        work = _Derivation(job, lake, stack)
        work.run()
        outputs = work.finish()
    with committing(lake.root, job.new.fence):
        row = work.row(outputs)
        write_table(lake.root, lake.archive_row_path(*key), "archives", pa.Table.from_pylist([row], schema.ARCHIVES))
    return row


class _Derivation:
    """One pass over an archive's old rows: what is read, what is open for writing, what was counted so far."""

    def __init__(self, job: DeriveJob, lake: Lake, stack: ExitStack) -> None:
        self.job, self.lake = job, lake
        self.started = (time.process_time(), time.perf_counter())
        self.stages = job.new.stages
        self.move = Move(job.old.stages, self.stages)
        self.outcomes = _outcomes(lake, self._old("pages"), self.move)
        self.records: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self.decontaminates = any(stage.name == "decontaminate" for stage in self.stages)
        names = [*TABLES, SEARCHED] if self.decontaminates else [*TABLES]
        self.old_rows = {name: _InOrder(lake.absolute(self._old(name))) for name in names}
        self.writers = self._open_writers(stack)

    def run(self) -> None:
        wanted = self._places_to_read()
        records = read_records(self.job.archive, wanted, self.job.new.recipe.archive)
        done = 0
        for batch in iter_batches(self.lake.absolute(self._old("pages"))):
            old = pa.Table.from_batches([batch])
            self._derive(old, self.outcomes[done : done + len(old)], records)
            done += len(old)

    def finish(self) -> list[Output]:
        """Complete the files."""
        if self.decontaminates:
            self.writers["benchmarks"].write(read_table(self.lake.absolute(self._old("benchmarks"))))
        return [writer.finish() for writer in self.writers.values()]

    def row(self, outputs: list[Output]) -> dict[str, Any]:
        """The archive's row: its books closed anew over the same records and bytes; its costs are written before it."""
        fates = ("kept", "dropped", "unreadable")
        books = {f"{fate}_records": self.records[fate] for fate in fates}
        books |= {f"{fate}_bytes": self.bytes[fate] for fate in fates}
        outputs = [*outputs, self._write_costs()]
        return {
            **self.job.archive, **books, "fingerprint": self.job.new.fingerprint,
            "stages": [stage.name for stage in self.stages], "outputs": [output.to_dict() for output in outputs],
            "finished_at": datetime.now(UTC),
        }  # fmt: skip

    def _derive(self, old: pa.Table, outcomes: Sequence[Outcome | None], records: Iterator[Record]) -> None:
        again = [i for i, outcome in enumerate(outcomes) if outcome and outcome.reread]
        fresh = _Fresh(self.stages)
        digests = dict(zip(column_values(old, "offset"), column_values(old, "payload_digest"), strict=True))
        for verdicts in judge_again(self.job.new, islice(records, len(again)), digests, self.stages):
            fresh.add(judged_rows(verdicts, self.stages), verdicts)
        pages = restate(old, outcomes, self.move, self.job.new.source.domain)
        if again:
            pages = with_rows(pages, again, fresh.pages)
            check_agreement(pages, outcomes)
        self._write(old, pages, outcomes, fresh)

    def _write(self, old: pa.Table, pages: pa.Table, outcomes: Sequence[Outcome | None], fresh: _Fresh) -> None:
        self.writers["pages"].write(pages)
        for fate, length in zip(column_values(pages, "fate"), column_values(pages, "length"), strict=True):
            self.records[fate] += 1
            self.bytes[fate] += length
        offsets = old["offset"].to_numpy()
        stay = np.array([bool(o and o.fate == "kept" and not o.reread) for o in outcomes], dtype=bool)
        for name, table_schema in TABLES.items():
            self._merge(name, table_schema, offsets, stay, fresh.tables[name])
        if self.decontaminates:
            seen = [bool(o and not o.reread and "decontaminate" in o.judged_by) for o in outcomes]
            self._merge(SEARCHED, schema.CONTAMINATION, offsets, np.array(seen, dtype=bool), fresh.tables[SEARCHED])

    def _merge(
        self, name: str, table_schema: pa.Schema, offsets: np.ndarray, stay: np.ndarray, fresh: Sequence[pa.Table]
    ) -> None:
        """Write a table's rows of the pages that stay as they were, and the fresh ones, in archive order."""
        rows = self.old_rows[name].until(int(offsets[-1]), table_schema)
        rows = rows.filter(pa.array(np.isin(rows["offset"].to_numpy(), offsets[stay])))
        merged = pa.concat_tables([rows, *(table.cast(table_schema) for table in fresh)])
        order = np.argsort(merged["offset"].to_numpy(), kind="stable")
        self.writers[name].write(merged.take(pa.array(order, pa.int64())))

    def _places_to_read(self) -> list[tuple[int, int]]:
        rows = read_table(self.lake.absolute(self._old("pages")), ["offset", "length"])
        again = np.array([bool(outcome and outcome.reread) for outcome in self.outcomes], dtype=bool)
        chosen = rows.filter(pa.array(again))
        return list(zip(column_values(chosen, "offset"), column_values(chosen, "length"), strict=True))

    def _open_writers(self, stack: ExitStack) -> dict[str, ShardWriter]:
        source, lake, key = self.job.new.source, self.lake, self.job.new.fingerprint
        paths = {
            "pages": lake.pages_path(source.crawl, source.archive, key),
            "documents": lake.documents_path(source.crawl, source.archive, key),
            "bands": lake.bands_path(source.crawl, source.archive, key),
            "pii": lake.pii_path(source.crawl, source.archive, key),
        }
        schemas = {"pages": pages_schema(self.stages), **TABLES}
        if self.decontaminates:
            paths[SEARCHED] = lake.contamination_path(source.crawl, source.archive, key)
            paths["benchmarks"] = lake.benchmarks_path(source.crawl, source.archive, key)
            schemas |= {SEARCHED: schema.CONTAMINATION, "benchmarks": schema.BENCHMARKS}
        return {
            name: stack.enter_context(ShardWriter(lake.root, path, name, schemas[name])) for name, path in paths.items()
        }

    def _old(self, table: str) -> str:
        paths: list[str] = [o["path"] for o in self.job.archive["outputs"] if o["table"] == table]
        return paths[0]

    def _write_costs(self) -> Output:
        source, key = self.job.new.source, self.job.new.fingerprint
        row = {
            "step": "annotate", "crawl": source.crawl, "archive": source.archive, "fingerprint": key, "stage": "all",
            "rows": sum(self.records.values()), "bytes": self.job.archive["stream_bytes"],
            "cpu_seconds": time.process_time() - self.started[0],
            "wall_seconds": time.perf_counter() - self.started[1],
        }  # fmt: skip
        path = self.lake.costs_path("annotate", self.job.new.label, key)
        return write_table(self.lake.root, path, "costs", pa.Table.from_pylist([row], schema.COSTS))


class _Fresh:
    """What pages read again gave: ledger rows, and the rows of survivors."""

    def __init__(self, stages: Sequence[Any]) -> None:
        self.pages: list[pa.Table] = []
        self.tables: dict[str, list[pa.Table]] = {name: [] for name in (*TABLES, SEARCHED)}
        self._stages = stages

    def add(self, pages: pa.Table, verdicts: Verdicts) -> None:
        survivors = verdicts.survivors
        self.pages.append(pages)
        self.tables[SEARCHED].append(contamination_of(verdicts.table))
        self.tables["documents"].append(documents_of(survivors))
        self.tables["pii"].append(pii_of(survivors))
        if "bands" in survivors.column_names:
            self.tables["bands"].append(band_table(survivors))


class _InOrder:
    """A table's rows in archive order, given out up to an offset at a time."""

    def __init__(self, uri: str) -> None:
        self._batches = iter_batches(uri)
        self._held: pa.Table | None = None

    def until(self, offset: int, table_schema: pa.Schema) -> pa.Table:
        """The next rows whose offset is at most that."""
        parts = [table_schema.empty_table()]
        while (held := self._next()) is not None:
            within = int(np.searchsorted(held["offset"].to_numpy(), offset, side="right"))
            parts.append(held.slice(0, within).cast(table_schema))
            self._held = held.slice(within)
            if within < len(held):
                break
            self._held = None
        return pa.concat_tables(parts)

    def _next(self) -> pa.Table | None:
        if self._held is not None:
            return self._held
        batch = next(self._batches, None)
        return None if batch is None else pa.Table.from_batches([batch])


def _outcomes(lake: Lake, pages: str, move: Move) -> list[Outcome | None]:
    """The outcome of every row of an archive, in its order; None for what no rule judged."""
    statement = sql_text("what_if/verdicts").format(rows=quoted(lake.absolute(pages)), mask=move.mask_sql())
    with Catalog(lake).scratch() as scratch:
        rows = scratch.query(statement).read_all()
    judged = column_values(rows, "judged")
    keys = zip(judged, column_values(rows, "failed_rules"), column_values(rows, "mask"), strict=True)
    return [move.outcome(failed, int(mask)) if is_judged else None for is_judged, failed, mask in keys]
