"""Repeated lines, paragraphs and long word sequences of a crawl's survivors: measured, and cut out where wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flows.dedup_job import DedupJob
from flows.dedup_results import clear
from flows.repeated_blocks import gather_blocks, wanted_kinds, write_block_spans
from flows.repeated_sequences import find_sequences, gather_windows, plan_groups, write_shared
from flows.trim_task import resolve_emptied, trim_file, trimmed_path
from storage import files
from storage.lake import Lake
from storage.schema import DUPLICATES, SPANS
from storage.shards import Output, ShardWriter, count_rows, iter_batches, output_of, read_table, write_table

AllUnits = Callable[[Mapping[str, tuple[Any, ...]]], None]


def find_spans(
    job: DedupJob, duplicates: Sequence[Output], all_units: AllUnits
) -> tuple[dict[str, list[Output]], dict[str, int]]:
    """Measure and cut; for every crawl its files (spans, duplicates of kind span, trimmed), and counts for a reader."""
    removed = job.uris(tuple(duplicates))
    numbers = [number for number, output in enumerate(job.documents) if output.rows]
    if wanted_kinds(job):
        all_units({f"{job.name} blocks {number}": (gather_blocks, job, removed, number) for number in numbers})
        write_block_spans(job)
    if job.config.repeated_substrings != "off":
        _find_in_groups(job, removed, plan_groups(job, numbers), all_units)
    if job.config.removes_spans:
        all_units({f"{job.name} trim {number}": (trim_file, job, number) for number in numbers})
    outputs = _write_outputs(job)
    counts = _count(job)
    clear(job)
    return outputs, counts


def _find_in_groups(job: DedupJob, removed: list[str], groups: list[list[int]], all_units: AllUnits) -> None:
    if len(groups) > 1:
        all_units({f"{job.name} windows {group[0]}": (gather_windows, job, removed, group) for group in groups})
        write_shared(job)
    all_units({f"{job.name} sequences {group[0]}": (find_sequences, job, removed, group) for group in groups})


def _write_outputs(job: DedupJob) -> dict[str, list[Output]]:
    found, emptied = job.working_files("found-"), resolve_emptied(job)
    removed = [kind for kind, handling in job.config.spans.items() if handling == "remove"]
    outputs: dict[str, list[Output]] = {}
    with job.scratch() as scratch:
        scratch.register("emptied", emptied)
        for crawl in job.crawls:
            known = {"documents": job.uris(job.documents), "crawl": crawl}
            if not found or not job.documents:
                outputs[crawl] = [write_table(job.lake, _spans(job, crawl), "spans", SPANS.empty_table())]
                continue
            rows = scratch.run("dedup/spans", found=found, removed=removed, **known)
            outputs[crawl] = [_write(job, _spans(job, crawl), "spans", SPANS, rows)]
            path = _spans(job, crawl).replace("spans/", "duplicates/", 1).replace(".parquet", ".spans.parquet")
            rows = scratch.run("dedup/emptied", **known)
            outputs[crawl].append(_write(job, path, "duplicates", DUPLICATES, rows))
    for output in job.documents:
        if files.exists(Lake(job.lake).absolute(trimmed_path(job, output))) and job.config.removes_spans:
            crawl = next(batch["crawl"][0].as_py() for batch in iter_batches(job.absolute(output), ["crawl"], 1))
            outputs[crawl].append(output_of(job.lake, "trimmed", trimmed_path(job, output)))
    return outputs


def _spans(job: DedupJob, crawl: str) -> str:
    return Lake(job.lake).spans_path(crawl, job.fingerprint)


def _count(job: DedupJob) -> dict[str, int]:
    counts = {"span": sum(count_rows(uri) for uri in job.working_files("emptied-"))}
    for kind in (kind for kind, handling in job.config.spans.items() if handling != "off"):
        tables = [read_table(uri, ["chars"])["chars"] for uri in job.working_files(f"found-{kind}")]
        counts[f"{kind}_spans"] = sum(len(chars) for chars in tables)
        counts[f"{kind}_span_chars"] = sum(pc.sum(chars).as_py() or 0 for chars in tables)
    return counts


def _write(job: DedupJob, path: str, name: str, schema: pa.Schema, rows: Iterator[pa.RecordBatch]) -> Output:
    with ShardWriter(job.lake, path, name, schema) as writer:
        for batch in rows:
            writer.write(batch)
        return writer.finish()
