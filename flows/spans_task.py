"""Repeated lines and long repeated word sequences of a crawl's survivors: measured, and cut out where wanted.

Pages are named by their place: number of the documents file, shifted, plus its row. Texts are looked at in the order
of the archives, and the first copy of anything stays. Where texts become shorter, the documents files are written again
(table trimmed), and what is mixed is read from those. A page of which nothing would be left is a duplicate of kind
span.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flows.dedup_job import DedupJob
from flows.dedup_task import clear
from pipeline.batch import DocumentBatch
from pipeline.dedup.normalise import text_digest
from pipeline.dedup.spans import BYTES_A_WORD, cut_text, find_repeats
from pipeline.kernels.classes import SPACE
from pipeline.kernels.words import ALL_SYMBOLS
from storage import files
from storage.lake import Lake
from storage.schema import DOCUMENTS, DUPLICATES, PAGE_KEY, SPANS, field, table
from storage.shards import Output, ShardWriter, count_rows, iter_batches, read_table, write_table

FILE_BITS = 32
ROWS = 1024
AllUnits = Callable[[Mapping[str, tuple[Any, ...]]], None]
KEY = tuple(column.name for column in PAGE_KEY)

LINES = table(
    field("host", pa.string(), "host of the page"),
    field("hash", pa.uint64(), "of the line"),
    field("page", pa.int64(), "place"),
    field("start", pa.int64(), "first character"),
    field("chars", pa.int64(), "length without the newline"),
)
FOUND = table(
    field("page", pa.int64(), "place"),
    field("start", pa.int64(), "first character"),
    field("chars", pa.int64(), "characters"),
    field("pages", pa.int64(), "pages that have the line; times the sequence is met"),
    field("source", pa.int64(), "place of the page with the first copy"),
    field("kind", pa.string(), "line or substring"),
)


EMPTIED = table(field("page", pa.int64(), "place"), field("source", pa.int64(), "page that has a copy"))


def document_path(trimmed: str) -> str:
    """The documents file that a trimmed one stands for; paths relative to the lake."""
    return "documents/" + trimmed.split("/", 2)[2]


def find_spans(
    job: DedupJob, duplicates: Sequence[Output], all_units: AllUnits
) -> tuple[dict[str, list[Output]], dict[str, int]]:
    """Measure and cut; for every crawl its files (spans, duplicates of kind span, trimmed), and counts for a reader."""
    config, removed = job.config, job.uris(tuple(duplicates))
    numbers = [number for number, output in enumerate(job.documents) if output.rows]
    if config.repeated_lines != "off":
        all_units({f"{job.name} lines {number}": (gather_lines, job, removed, number) for number in numbers})
        _write_line_spans(job)
    if config.repeated_substrings != "off":
        groups = _plan_groups(job, numbers)
        all_units({f"{job.name} sequences {group[0]}": (find_sequences, job, removed, group) for group in groups})
    if config.removes_spans:
        all_units({f"{job.name} trim {number}": (trim_file, job, number) for number in numbers})
    outputs = _write_outputs(job)
    counts = _count(job)
    clear(job)
    return outputs, counts


def gather_lines(job: DedupJob, removed: list[str], number: int) -> None:
    """Write the lines of one file's survivors: where they are, and a hash of each."""
    name = f"lines-{number:06}"
    if files.exists(job.uri(name)):
        return
    with ShardWriter(job.folder, f"{name}.parquet", "lines", LINES) as writer:
        for page, rows in _survivors(job, removed, number, ["host", "text"]):
            batch = DocumentBatch({"text": rows["text"]})
            lines = batch.lines
            document = np.repeat(np.arange(len(page)), np.diff(lines.doc_offsets))
            chars = lines.ends - lines.starts
            wanted = ~lines.blank & (chars >= job.config.line_min_chars)
            owner = document[wanted]
            columns = {
                "host": rows["host"].fill_null("").take(pa.array(owner)),
                "hash": pa.array(lines.hashes[wanted], pa.uint64()),
                "page": pa.array(page[owner]),
                "start": pa.array((lines.starts - batch.characters.doc_offsets[document])[wanted]),
                "chars": pa.array(chars[wanted]),
            }
            writer.write(pa.table(columns, schema=LINES))
        writer.finish()


def find_sequences(job: DedupJob, removed: list[str], group: Sequence[int]) -> None:
    """Write the word sequences of some files' survivors that are met there before."""
    name = f"found-substring-{group[0]:06}"
    if files.exists(job.uri(name)):
        return
    pages, hashes, counts, spans = [], [], [], []
    for number in group:
        for page, rows in _survivors(job, removed, number, ["text"]):
            batch = DocumentBatch({"text": rows["text"]})
            proper = batch.words.kinds & ALL_SYMBOLS == 0  # a ruler of fifty dashes is no sentence
            document = np.repeat(np.arange(batch.num_rows), np.diff(batch.words.doc_offsets))
            pages.append(page)
            hashes.append(batch.words.hashes[proper])
            counts.append(np.bincount(document[proper], minlength=batch.num_rows))
            spans.append([side[proper] for side in _in_characters(batch)])
    offsets = np.concatenate([[0], np.cumsum(np.concatenate([[0], *counts])[1:])]).astype(np.int64)
    found = find_repeats(np.concatenate([np.zeros(0, np.uint64), *hashes]), offsets, job.config.substring_words)
    place = np.concatenate([np.zeros(0, np.int64), *pages])
    starts, ends = (np.concatenate([np.zeros(0, np.int64), *(span[side] for span in spans)]) for side in (0, 1))
    start = starts[found.start]
    columns = {
        "page": place[found.document],
        "start": start,
        "chars": ends[found.end - 1] - start,
        "pages": found.times,
        "source": place[found.source],
        "kind": ["substring"] * len(start),
    }
    write_table(job.folder, f"{name}.parquet", "found", pa.table(columns, schema=FOUND))


def _in_characters(batch: DocumentBatch) -> tuple[np.ndarray, np.ndarray]:
    """First character of every word and the one after its last, counted from the start of its document."""
    characters, words = batch.characters, batch.words
    inked = np.flatnonzero(characters.classes & SPACE == 0)  # words one after another are all that is not white space
    last = np.cumsum(words.chars, dtype=np.int64) - 1
    document = np.repeat(np.arange(batch.num_rows), np.diff(words.doc_offsets))
    first = characters.doc_offsets[document]
    return inked[last - words.chars + 1] - first, inked[last] + 1 - first


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
    cut = {"line": job.config.repeated_lines == "remove", "substring": job.config.repeated_substrings == "remove"}
    found: dict[int, list[tuple[int, int, int]]] = {}
    with job.scratch() as scratch:
        limits = {"low": number << FILE_BITS, "high": (number + 1) << FILE_BITS}
        for batch in scratch.run("dedup/file_spans", found=job.working_files("found-"), **limits):
            for row in batch.to_pylist():
                if cut[row["kind"]]:
                    found.setdefault(row["page"], []).append((row["start"], row["chars"], row["source"]))
    return found


def _survivors(
    job: DedupJob, removed: list[str], number: int, columns: list[str]
) -> Iterator[tuple[np.ndarray, pa.RecordBatch]]:
    """Places and rows of one file's pages that no better page replaces."""
    output = job.documents[number]
    first = number << FILE_BITS
    gone = np.zeros(0, np.int64)
    for batch in iter_batches(job.absolute(output), [*KEY, *columns], ROWS):
        if first == number << FILE_BITS:
            key = {"crawl": batch["crawl"][0].as_py(), "archive": batch["archive"][0].as_py()}
            with job.scratch() as scratch:
                offsets = scratch.run("dedup/removed_rows", duplicates=removed, **key).read_all()
            gone = offsets["offset"].to_numpy()
        kept = np.flatnonzero(~np.isin(batch["offset"].to_numpy(), gone))
        yield first + kept, batch.take(pa.array(kept, pa.int64())).select(columns)
        first += batch.num_rows


def _write_line_spans(job: DedupJob) -> None:
    if files.exists(job.uri("found-line")):
        return
    with job.scratch() as scratch, ShardWriter(job.folder, "found-line.parquet", "found", FOUND) as writer:
        lines = job.working_files("lines-")
        for batch in scratch.run("dedup/line_spans", lines=lines, least=job.config.line_min_pages) if lines else ():
            writer.write(batch)
        writer.finish()


def _plan_groups(job: DedupJob, numbers: Sequence[int]) -> list[list[int]]:
    """Files that are looked at together: as many as their words, at six bytes each, fit in memory."""
    groups: list[list[int]] = []
    room = 0
    for number in numbers:
        text_bytes = int(pc.sum(read_table(job.absolute(job.documents[number]), ["text_bytes"])["text_bytes"]).as_py())
        needed = text_bytes // 6 * BYTES_A_WORD
        if not groups or needed > room:
            groups.append([])
            room = job.config.memory_limit_bytes
        groups[-1].append(number)
        room -= needed
    return groups


def _write_outputs(job: DedupJob) -> dict[str, list[Output]]:
    found, emptied = job.working_files("found-"), _resolve_emptied(job)
    outputs: dict[str, list[Output]] = {}
    with job.scratch() as scratch:
        scratch.register("emptied", emptied)
        for crawl in job.crawls:
            known = {"documents": job.uris(job.documents), "crawl": crawl}
            if not found or not job.documents:
                outputs[crawl] = [write_table(job.lake, _spans(job, crawl), "spans", SPANS.empty_table())]
                continue
            handled = {"lines": job.config.repeated_lines == "remove", "sequences": _cuts_sequences(job)}
            rows = scratch.run("dedup/spans", found=found, **handled, **known)
            outputs[crawl] = [_write(job, _spans(job, crawl), "spans", SPANS, rows)]
            path = _spans(job, crawl).replace("spans/", "duplicates/", 1).replace(".parquet", ".spans.parquet")
            rows = scratch.run("dedup/emptied", **known)
            outputs[crawl].append(_write(job, path, "duplicates", DUPLICATES, rows))
    for output in job.documents:
        if files.exists(Lake(job.lake).absolute(trimmed_path(job, output))) and job.config.removes_spans:
            crawl = next(batch["crawl"][0].as_py() for batch in iter_batches(job.absolute(output), ["crawl"], 1))
            outputs[crawl].append(_as_output(job, trimmed_path(job, output)))
    return outputs


def _as_output(job: DedupJob, path: str) -> Output:
    uri = Lake(job.lake).absolute(path)
    with files.open_read(uri) as stream:
        size = stream.seek(0, 2)
    return Output("trimmed", path, count_rows(uri), size, files.sha256_of(uri))


def _spans(job: DedupJob, crawl: str) -> str:
    return Lake(job.lake).spans_path(crawl, job.fingerprint)


def _cuts_sequences(job: DedupJob) -> bool:
    return job.config.repeated_substrings == "remove"


def _resolve_emptied(job: DedupJob) -> pa.Table:
    """Pages with nothing left, each with a page that is not among them: a source stands before its page."""
    tables = [read_table(uri) for uri in job.working_files("emptied-")]
    source = {row["page"]: row["source"] for part in tables for row in part.to_pylist()}
    for page in sorted(source):
        source[page] = source.get(source[page], source[page])
    rows = [{"page": page, "source": kept} for page, kept in source.items()]
    return pa.Table.from_pylist(rows, EMPTIED)


def _count(job: DedupJob) -> dict[str, int]:
    counts = {"span": sum(count_rows(uri) for uri in job.working_files("emptied-"))}
    for kind in ("line", "substring"):
        tables = [read_table(uri, ["chars"])["chars"] for uri in job.working_files(f"found-{kind}")]
        counts[f"{kind}_spans"] = sum(len(chars) for chars in tables)
        counts[f"{kind}_span_chars"] = sum(pc.sum(chars).as_py() or 0 for chars in tables)
    return counts


def _write(job: DedupJob, path: str, name: str, schema: pa.Schema, rows: Iterator[pa.RecordBatch]) -> Output:
    with ShardWriter(job.lake, path, name, schema) as writer:
        for batch in rows:
            writer.write(batch)
        return writer.finish()
