"""Duplicates of a crawl (or several), in units a task can do: rank, buckets, clusters, texts, survivors.

Pages are numbered by rank (quality, then length, then doc_id, then place, unless the recipe prefers otherwise), the
best first. Each function writes one file of the step's working folder and does nothing where that file is already
there, so a run that was killed goes on where it stood; only `write_duplicates` adds to the lake.

    job = DedupJob(lake.root, (crawl,), fingerprint, documents, bands, config)
    rank_pages(job)
    for bands in plan_bands(job, units): link_bands(job, bands)           # any order, any process
    parts = plan_parts(job, plan_bands(job, units))
    for number in plan_texts(job): gather_texts(job, number)              # the same
    for part in range(parts): judge_part(job, part)                       # the same
    outputs, summary = write_duplicates(job)

How many units the bands are cut into changes nothing of what comes out. Memory: what the recipe allows, and 8 to 24
bytes a page for ranks and the forest of clusters.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from flows.dedup_job import RANKED, DedupJob
from storage import files
from storage.shards import Output, ShardWriter, write_table
from storage.views import sql_text

VERSION = 3
"""Raised when this file or the signatures change what they write; part of every dedup fingerprint."""


def rank_pages(job: DedupJob) -> None:
    """Number the pages, the best first, and find those whose normalised text a better page has."""
    if files.exists(job.uri("pages")):
        return
    if not job.all_documents():
        write_table(job.folder, "pages.parquet", "pages", RANKED.empty_table())
        return
    config = job.config
    pa.default_memory_pool().release_unused()  # of archives read before in this process
    with job.scratch() as scratch:
        if job.settled_duplicates:
            scratch.execute(sql_text("dedup/gone"), {"duplicates": job.uris(job.settled_duplicates)})
        else:
            scratch.execute('CREATE TABLE gone (crawl VARCHAR, archive VARCHAR, "offset" BIGINT)')
        wanted = {
            "documents": job.uris(job.all_documents()),
            "settled": len(job.settled_documents),
            "exact": config.exact,
            "payload": config.payload,
            "prefer": list(config.prefer),
        }
        _write(job, "pages", RANKED, scratch.run("dedup/rank_pages", **wanted))


def _write(job: DedupJob, name: str, schema: pa.Schema, rows: Iterator[pa.RecordBatch]) -> Output:
    with ShardWriter(job.folder, f"{name}.parquet", name, schema) as writer:
        for batch in rows:
            writer.write(batch)
        return writer.finish()
