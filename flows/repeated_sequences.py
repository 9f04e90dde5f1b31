"""Word sequences that stand in the texts more than once, found with a suffix array over a group of files.

A group is as many files as fit in memory. Where there are several, each writes a hash of every sequence of the least
length; those that several groups have are handed back to them, so that a copy in another group counts as one in their
own, and of all groups the first copy stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flows.dedup_job import DedupJob
from flows.spans_job import FILE_BITS, FOUND, WINDOWS, survivors
from pipeline.batch import DocumentBatch
from pipeline.dedup.spans import BYTES_A_WORD, Windows, find_repeats, list_windows
from pipeline.kernels.classes import SPACE
from pipeline.kernels.words import ALL_SYMBOLS
from storage import files
from storage.shards import ShardWriter, read_table, write_table

SHARED = "shared"


class Words(NamedTuple):
    """The words of some pages in order, but for those that are signs only: a ruler of fifty dashes is no sentence.

    Attributes:
        page: int64[pages], places.
        offsets: int64[pages + 1], where the words of each begin.
        hashes: uint64[words].
        start, end: int64[words], first character in the page and the one after the last.
    """

    page: np.ndarray
    offsets: np.ndarray
    hashes: np.ndarray
    start: np.ndarray
    end: np.ndarray


def plan_groups(job: DedupJob, numbers: Sequence[int]) -> list[list[int]]:
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


def gather_windows(job: DedupJob, removed: list[str], group: Sequence[int]) -> None:
    """Write a hash of every word sequence of some files' survivors, once each."""
    name = f"windows-{group[0]:06}"
    if files.exists(job.uri(name)):
        return
    words = _read_words(job, removed, group)
    windows = list_windows(words.hashes, words.offsets, job.config.substring_words)
    columns = {"hash": windows.hash, "page": words.page[windows.document], "times": windows.times}
    write_table(job.folder, f"{name}.parquet", "windows", pa.table(columns, schema=WINDOWS))


def write_shared(job: DedupJob) -> None:
    """Write the sequences that several groups have."""
    if files.exists(job.uri(SHARED)):
        return
    with job.scratch() as scratch, ShardWriter(job.folder, f"{SHARED}.parquet", "windows", WINDOWS) as writer:
        for batch in scratch.run("dedup/shared_windows", windows=job.working_files("windows-")):
            writer.write(batch)
        writer.finish()


def find_sequences(job: DedupJob, removed: list[str], group: Sequence[int]) -> None:
    """Write the word sequences of some files' survivors that are met before, there or in an earlier group."""
    name = f"found-substring-{group[0]:06}"
    if files.exists(job.uri(name)):
        return
    words, shared = _read_words(job, removed, group), _read_shared(job, group)
    before = shared["page"].to_numpy()
    earlier = np.where(before < group[0] << FILE_BITS, before, -1)
    elsewhere = Windows(shared["hash"].to_numpy(), earlier, shared["times"].to_numpy())
    found = find_repeats(words.hashes, words.offsets, job.config.substring_words, elsewhere)
    start, here = words.start[found.start], found.source >= 0
    source = np.empty(len(start), np.int64)
    source[here], source[~here] = words.page[found.source[here]], earlier[-2 - found.source[~here]]
    columns = {
        "page": words.page[found.document],
        "start": start,
        "chars": words.end[found.end - 1] - start,
        "pages": found.times,
        "source": source,
        "kind": ["substring"] * len(start),
    }
    write_table(job.folder, f"{name}.parquet", "found", pa.table(columns, schema=FOUND))


def _read_words(job: DedupJob, removed: list[str], group: Sequence[int]) -> Words:
    none = np.zeros(0, np.int64)
    parts: list[Words] = [Words(none, none, np.zeros(0, np.uint64), none, none)]
    for number in group:
        for page, rows in survivors(job, removed, number, ["text"]):
            batch = DocumentBatch({"text": rows["text"]})
            proper = batch.words.kinds & ALL_SYMBOLS == 0
            document = np.repeat(np.arange(batch.num_rows), np.diff(batch.words.doc_offsets))
            counts = np.bincount(document[proper], minlength=batch.num_rows)
            start, end = _in_characters(batch)
            parts.append(Words(page, counts, batch.words.hashes[proper], start[proper], end[proper]))
    page, counts, hashes, start, end = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Words(page, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), hashes, start, end)


def _read_shared(job: DedupJob, group: Sequence[int]) -> pa.Table:
    if not files.exists(job.uri(SHARED)):
        return WINDOWS.empty_table()
    with job.scratch() as scratch:
        known = {"shared": job.uri(SHARED), "windows": job.uri(f"windows-{group[0]:06}")}
        return scratch.run("dedup/group_windows", **known).read_all()


def _in_characters(batch: DocumentBatch) -> tuple[np.ndarray, np.ndarray]:
    """First character of every word and the one after its last, counted from the start of its document."""
    characters, words = batch.characters, batch.words
    inked = np.flatnonzero(
        characters.classes[characters.codes] & SPACE == 0
    )  # words one after another are all that is not white space
    last = np.cumsum(words.chars, dtype=np.int64) - 1
    document = np.repeat(np.arange(batch.num_rows), np.diff(words.doc_offsets))
    first = characters.doc_offsets[document]
    return inked[last - words.chars + 1] - first, inked[last] + 1 - first
