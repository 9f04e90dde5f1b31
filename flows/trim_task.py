"""Texts without their repeated stretches: documents files written again (table trimmed), from which the mix then reads.

A page of which nothing would be left is a duplicate of kind span.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from flows.dedup_job import DedupJob
from flows.spans_job import EMPTIED, FILE_BITS, ROWS
from pipeline.dedup.normalise import text_digest
from pipeline.dedup.spans import cut_text
from storage import files
from storage.schema import DOCUMENTS
from storage.shards import Output, ShardWriter, iter_batches, read_table, write_table


def document_path(trimmed: str) -> str:
    """The documents file that a trimmed one stands for; paths relative to the lake."""
    return "documents/" + trimmed.split("/", 2)[2]


def trim_file(job: DedupJob, number: int) -> None:
    """Write one documents file again without the stretches to be removed, where it has any."""
    name = f"emptied-{number:06}"
    if files.exists(job.uri(name)):
        return
    spans, output, emptied = _spans_to_cut(job, number), job.documents[number], []
    if spans:
        with ShardWriter(job.lake, trimmed_path(job, output), "trimmed", DOCUMENTS) as writer:
            first = number << FILE_BITS
            for batch in iter_batches(job.absolute(output), rows=ROWS):
                texts = [str(text) for text in batch["text"].to_pylist()]
                for row in range(batch.num_rows):
                    if cuts := spans.get(first + row):
                        texts[row] = cut_text(texts[row], [(start, chars) for start, chars, _ in cuts])
                        if not texts[row]:
                            emptied.append({"page": first + row, "source": cuts[0][2]})
                writer.write(_with_texts(batch, texts))
                first += batch.num_rows
            writer.finish()
    write_table(job.folder, f"{name}.parquet", "emptied", pa.Table.from_pylist(emptied, EMPTIED))


def trimmed_path(job: DedupJob, output: Output) -> str:
    """Where the documents file goes without its repeated stretches."""
    return f"trimmed/{job.fingerprint}/{output.path.removeprefix('documents/')}"


def _with_texts(batch: pa.RecordBatch, texts: list[str]) -> pa.Table:
    made = {
        "text": pa.array(texts, pa.string()),
        "text_digest": pa.array([text_digest(text) for text in texts], pa.string()),
        "text_bytes": pa.array([len(text.encode()) for text in texts], pa.int64()),
    }
    columns: list[Any] = [made.get(column.name, batch[column.name]) for column in DOCUMENTS]
    return pa.table(columns, schema=DOCUMENTS)


def _spans_to_cut(job: DedupJob, number: int) -> dict[int, list[tuple[int, int, int]]]:
    """Page to (start, characters, source) of the stretches that the recipe removes, in order."""
    found: dict[int, list[tuple[int, int, int]]] = {}
    with job.scratch() as scratch:
        limits = {"low": number << FILE_BITS, "high": (number + 1) << FILE_BITS}
        for batch in scratch.run("dedup/file_spans", found=job.working_files("found-"), **limits):
            for row in batch.to_pylist():
                if job.config.spans[row["kind"]] == "remove":
                    found.setdefault(row["page"], []).append((row["start"], row["chars"], row["source"]))
    return found


def resolve_emptied(job: DedupJob) -> pa.Table:
    """Pages with nothing left, each with a page that is not among them: a source stands before its page."""
    tables = [read_table(uri) for uri in job.working_files("emptied-")]
    source = {row["page"]: row["source"] for part in tables for row in part.to_pylist()}
    for page in sorted(source):
        source[page] = source.get(source[page], source[page])
    rows = [{"page": page, "source": kept} for page, kept in source.items()]
    return pa.Table.from_pylist(rows, EMPTIED)
