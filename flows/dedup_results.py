"""What a search for duplicates leaves in the lake: a file of duplicates a crawl, and counts for a reader."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from typing import Any

import numpy as np

from flows.dedup_job import REMOVED, DedupJob, count_settled
from pipeline.batch import DocumentBatch
from pipeline.dedup.distinct import DistinctCounter
from pipeline.dedup.survivors import Counts
from storage import files
from storage.lake import Lake
from storage.schema import DUPLICATES
from storage.shards import Output, ShardWriter, count_rows, iter_batches, read_table, write_table
from storage.uris import is_local, local_path


def write_duplicates(job: DedupJob) -> tuple[list[Output], dict[str, Any]]:
    """Write each crawl's duplicates, ordered by page; then clear the working folder.

    Returns:
        A file of table duplicates for every crawl, and counts for a reader: pages, duplicates of each kind, pages
        settled before; what the buckets held, clusters, pairs measured, buckets cut and pages not wholly compared.
    """
    kinds: Counter[str] = Counter()
    outputs = [_write_rows(job, crawl, kinds) for crawl in job.crawls]
    texts, hosts = _count_distinct(job)
    settled = count_settled(job)
    summary = {
        "pages": count_rows(job.uri("pages")) - settled,
        "settled_pages": settled,
        **{kind: kinds[kind] for kind in ("exact", "payload", "near")},
        **_summarise_buckets(job),
        **_summarise_clusters(job),
        **_summarise_counts(job),
        **{"sketch_texts": texts.packed(), "sketch_hosts": hosts.packed()},
    }
    clear(job)
    return outputs, summary


def _write_rows(job: DedupJob, crawl: str, kinds: Counter[str]) -> Output:
    path = Lake(job.lake).duplicates_path(crawl, job.fingerprint)
    removed = job.working_files("removed-") or [_no_removed(job)]
    with job.scratch() as scratch, ShardWriter(job.lake, path, "duplicates", DUPLICATES) as writer:
        for batch in scratch.run("dedup/duplicates", pages=job.uri("pages"), removed=removed, crawl=crawl):
            kinds.update(str(kind) for kind in batch["kind"].to_pylist())
            writer.write(batch)
        return writer.finish()


def _count_distinct(job: DedupJob) -> tuple[DistinctCounter, DistinctCounter]:
    """Different texts and hosts among the documents of the job's own crawls."""
    texts, hosts = DistinctCounter(), DistinctCounter()
    for output in job.documents:
        for batch in iter_batches(job.absolute(output), ["text_digest", "host"]):
            texts.add(DocumentBatch({"text": batch["text_digest"]}).utf8)
            hosts.add(DocumentBatch({"text": batch["host"]}).utf8)
    return texts, hosts


def _no_removed(job: DedupJob) -> str:
    write_table(job.folder, "removed-none.parquet", "removed", REMOVED.empty_table())
    return job.uri("removed-none")


def _summarise_buckets(job: DedupJob) -> dict[str, int]:
    """What the buckets held; a band counts once, however often the bands were divided anew."""
    rows = [row for uri in job.working_files("met-") for row in read_table(uri).to_pylist()]
    bands = {row["band"]: row for row in rows}.values()
    return {
        "buckets": sum(row["buckets"] for row in bands),
        "largest_bucket": max((row["largest"] for row in bands), default=0),
    }


def _summarise_clusters(job: DedupJob) -> dict[str, int]:
    """Pages linked by buckets, whether they are alike or not."""
    clusters = read_table(job.uri("members"), ["cluster"])["cluster"].to_numpy()
    sizes = np.diff(np.flatnonzero(np.diff(clusters, prepend=-1, append=-1))) if len(clusters) else np.zeros(0, int)
    return {"clusters": len(sizes), "clustered_pages": len(clusters), "largest_cluster": int(max(sizes, default=0))}


def _summarise_counts(job: DedupJob) -> dict[str, int]:
    total: Counter[str] = Counter()
    for uri in files.list_files(job.folder, ".json"):
        with files.open_read(uri) as stream:
            total.update(json.loads(stream.read()))
    return {name: total[name] for name in Counts.__dataclass_fields__}


def clear(job: DedupJob) -> None:
    """Remove the working folder, with what a killed run left unfinished in it."""
    for uri in files.list_files(job.folder):
        files.remove(uri)
    if is_local(job.folder):
        shutil.rmtree(local_path(job.folder))
