"""Clusters of a search for duplicates: shared out to parts, their texts gathered, and each page judged."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flows.dedup_job import MEMBERS, REMOVED, TEXTS, BandRange, DedupJob, count_settled
from pipeline.batch import DocumentBatch
from pipeline.dedup.clusters import Forest, Links, list_members
from pipeline.dedup.signatures import shingle_sets
from pipeline.dedup.survivors import Pages, SurvivorSearch
from storage import files
from storage.shards import ShardWriter, count_rows, iter_batches, read_table, write_table

TEXT_ROWS = 1024
"""Pages whose texts are in memory at a time."""

PART_ROWS = 1_000_000
"""Pages of a part at most, however short their texts."""


def plan_parts(job: DedupJob, ranges: list[BandRange]) -> int:
    """Join the links to clusters and share these out to parts; how many parts there are."""
    if not files.exists(job.uri("members")):
        forest = Forest(count_rows(job.uri("pages")))
        for low, high in ranges:
            for batch in iter_batches(job.uri(f"links-{low:04}-{high:04}")):
                forest.add_links(Links(batch["page"].to_numpy(), batch["root"].to_numpy()))
        links = forest.links()
        del forest
        text_bytes = read_table(job.uri("pages"), ["text_bytes"])["text_bytes"].to_numpy()
        least = job.config.part_bytes // PART_ROWS
        members = list_members(links, np.maximum(text_bytes, least), job.config.part_bytes)
        write_table(job.folder, "members.parquet", "members", pa.table(members._asdict(), MEMBERS))
    parts = read_table(job.uri("members"), ["part"])["part"]
    return int(pc.max(parts).as_py() or 0) + 1 if len(parts) else 0


def plan_texts(job: DedupJob) -> list[int]:
    """Numbers of the documents files, each a unit of `gather_texts`."""
    return [number for number, _, _ in job.signed()] if count_rows(job.uri("members")) else []


def gather_texts(job: DedupJob, number: int) -> None:
    """Write the texts of one file's pages that are in a cluster, part by part: each text is read once."""
    name = f"texts-{number:06}"
    if files.exists(job.uri(name)):
        return
    with job.scratch() as scratch:
        wanted = {"pages": job.uri("pages"), "members": job.uri("members"), "file": number}
        members = scratch.run("dedup/file_members", **wanted).read_all()
    output, keys = next((output, keys) for found, output, keys in job.signed() if found == number)
    if not len(members):
        write_table(job.folder, f"{name}.parquet", "texts", TEXTS.empty_table())
        return
    rows = members["file_row"]
    texts = _take(job.absolute(output), "text", rows)
    empty = pa.nulls(len(members), TEXTS.field("keys").type).fill_null(pa.scalar([], TEXTS.field("keys").type))
    taken = _take(job.absolute(keys), "keys", rows) if keys else pa.chunked_array([empty])
    columns: dict[str, Any] = {name: members[name] for name in ("part", "cluster", "rank", "body")}
    columns |= {"text": texts, "keys": taken}
    table = pa.table(columns)
    order = pc.sort_indices(members, [("part", "ascending"), ("rank", "ascending")])
    with ShardWriter(job.folder, f"{name}.parquet", "texts", TEXTS) as writer:
        for start in range(0, len(order), TEXT_ROWS):
            writer.write(table.take(order[start : start + TEXT_ROWS]))
        writer.finish()


def _take(uri: str, column: str, rows: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    """Values of some rows of a file, in order of row."""
    wanted, first, pieces = rows.to_numpy(), 0, []
    for batch in iter_batches(uri, [column], TEXT_ROWS):
        low, high = np.searchsorted(wanted, (first, first + batch.num_rows))
        if high > low:
            pieces.append(batch[column].take(pa.array(wanted[low:high] - first)))
        first += batch.num_rows
    return pa.chunked_array(pieces)


def judge_part(job: DedupJob, part: int) -> None:
    """Measure the pages of one part against the better ones of their buckets; write those that are removed."""
    name = f"removed-{part:06}"
    if files.exists(job.uri(name)):
        return
    config = job.config
    settled = count_settled(job)
    search = SurvivorSearch(config.min_jaccard, settled, config.max_bucket, config.memory_limit_bytes // 4)
    with job.scratch() as scratch, ShardWriter(job.folder, f"{name}.parquet", "removed", REMOVED) as writer:
        for batch in scratch.run("dedup/members", texts=job.working_files("texts-"), part=part):
            removed = search.judge(_to_pages(job, batch))
            writer.write(pa.table(removed._asdict(), REMOVED))
        counts = json.dumps(search.counts().__dict__).encode()
        files.write_bytes(f"{job.folder}/counts-{part:06}.json", counts)
        writer.finish()


def _to_pages(job: DedupJob, batch: pa.RecordBatch) -> Pages:
    sets = shingle_sets(DocumentBatch({"text": batch["text"]}).utf8, job.config.shingling)
    lists: Any = batch["keys"]
    lengths = lists.value_lengths().to_numpy()
    bounds = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    keys = lists.flatten().to_numpy()
    cluster, rank, body = (batch[name].to_numpy() for name in ("cluster", "rank", "body"))
    return Pages(cluster, rank, body, sets, keys, bounds)
