"""Duplicates of one crawl, in units a task can do: rank, candidates by bands, parts, verification, survivors.

Pages are numbered by rank (quality, then length, then doc_id, then place), the best first, and everything
between is pairs of ranks. Each function writes one file of the step's working folder and does nothing where
that file is already there, so a run that was killed goes on where it stood; only `write_duplicates` adds to
the lake.

    job = DedupJob(lake.root, crawl, fingerprint, documents, bands, config)
    rank_pages(job)
    for bands in plan_bands(job, units): find_candidates(job, bands)      # any order, any process
    for part in range(plan_parts(job, plan_bands(job, units))): verify_part(job, part)      # the same
    outputs, summary = write_duplicates(job)

How many units the bands are cut into changes nothing of what comes out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from flows.dedup_job import CANDIDATES, CUT, EDGES, PAIRS, RANKED, BandRange, DedupJob
from pipeline.batch import DocumentBatch
from pipeline.dedup.clusters import Edges, Removed, choose_survivors
from pipeline.dedup.signatures import ShingleSets, shingle_sets
from pipeline.dedup.verification import PartPlanner, find_positions, join_sets, measure_jaccard
from storage import files
from storage.catalog import Scratch
from storage.lake import Lake
from storage.schema import DUPLICATES
from storage.shards import Output, ShardWriter, count_rows, iter_batches, read_table, write_table
from storage.views import sql_text

VERSION = 1
"""Raised when this file or the signatures change what they write; part of every dedup fingerprint."""


def find_duplicates(job: DedupJob, units: int = 1) -> tuple[list[Output], dict[str, Any]]:
    """Every unit one after another, in this process; what `write_duplicates` gives."""
    rank_pages(job)
    ranges = plan_bands(job, units)
    for bands in ranges:
        find_candidates(job, bands)
    for part in range(plan_parts(job, ranges)):
        verify_part(job, part)
    return write_duplicates(job)


def rank_pages(job: DedupJob) -> None:
    """Number the pages, the best first, and find those whose normalised text a better page has."""
    if files.exists(job.uri("pages")):
        return
    if not job.documents:
        write_table(job.folder, "pages.parquet", "pages", RANKED.empty_table())
        return
    with job.scratch() as scratch:
        wanted = {"documents": job.uris(job.documents), "exact": job.config.exact}
        _write(job, "pages", RANKED, scratch.run("dedup/rank_pages", **wanted))


def plan_bands(job: DedupJob, units: int) -> list[BandRange]:
    """The bands in at most `units` even ranges; none where near-duplicates are not looked for."""
    if not (job.config.near and job.documents and job.bands):
        return []
    limits = np.linspace(0, job.config.bands, min(units, job.config.bands) + 1).round().astype(int).tolist()
    return list(pairwise(limits))


def find_candidates(job: DedupJob, bands: BandRange) -> None:
    """The pairs of pages that share a bucket of these bands, and how many buckets were cut.

    A page is paired with the best `max_bucket` pages of its bucket only, so that a bucket of a million pages
    costs 64 million comparisons and not half a million million.
    """
    low, high = bands
    name = f"candidates-{low:04}-{high:04}"
    if files.exists(job.uri(name)):
        return
    with job.scratch() as scratch:
        sources = {"bands": job.uris(job.bands), "pages": job.uri("pages"), "low": low, "high": high}
        scratch.execute(sql_text("dedup/fill_buckets"), sources)
        limit = job.config.max_bucket
        _write(job, f"cut-{low:04}-{high:04}", CUT, scratch.run("dedup/cut_buckets", max_bucket=limit))
        _write(job, name, CANDIDATES, scratch.run("dedup/pair_buckets", max_bucket=limit))


def plan_parts(job: DedupJob, ranges: list[BandRange]) -> int:
    """Order the candidate pairs and cut them into parts that fit in memory; how many parts there are."""
    if not files.exists(job.uri("pairs")):
        _write_pairs(job, ranges)
    return _count_parts(read_table(job.uri("pairs"), ["part"])["part"])


def _write_pairs(job: DedupJob, ranges: list[BandRange]) -> None:
    if not ranges:
        write_table(job.folder, "pairs.parquet", "pairs", PAIRS.empty_table())
        return
    text_bytes = read_table(job.uri("pages"), ["text_bytes"])["text_bytes"].to_numpy()
    planner = PartPlanner(text_bytes, job.config.part_bytes)
    candidates = [job.uri(f"candidates-{low:04}-{high:04}") for low, high in ranges]
    with job.scratch() as scratch, ShardWriter(job.folder, "pairs.parquet", "pairs", PAIRS) as writer:
        for batch in scratch.run("dedup/order_pairs", candidates=candidates):
            part = planner.assign(batch["better"].to_numpy(), batch["worse"].to_numpy())
            writer.write(batch.append_column("part", pa.array(part, pa.int32())))
        writer.finish()


def verify_part(job: DedupJob, part: int) -> None:
    """Measure every pair of one part on its pages' shingles; keep those at or above the threshold."""
    name = f"edges-{part:06}"
    if files.exists(job.uri(name)):
        return
    with job.scratch() as scratch:
        wanted = {"pairs": job.uri("pairs"), "part": part}
        pages = scratch.run("dedup/part_pages", pages=job.uri("pages"), **wanted).read_all()
        pairs = scratch.run("dedup/part_pairs", **wanted).read_all()
    sets = join_sets(list(_read_sets(job, pages)))
    better, worse = (find_positions(pages["rank"].to_numpy(), pairs[end].to_numpy()) for end in CANDIDATES.names)
    jaccard = measure_jaccard(sets, better, worse)
    edges = pairs.append_column("jaccard", pa.array(jaccard)).filter(pa.array(jaccard >= job.config.min_jaccard))
    write_table(job.folder, f"{name}.parquet", "edges", edges.cast(EDGES))


def _read_sets(job: DedupJob, pages: pa.Table) -> Iterator[ShingleSets]:
    """Shingle sets of pages in order of their place (`file`, `file_row`), read in row order."""
    place_file, place_row = pages["file"].to_numpy(), pages["file_row"].to_numpy()
    for number, uri in enumerate(job.uris(job.documents)):
        rows = place_row[place_file == number]
        first = 0
        for batch in iter_batches(uri, ["text"]) if len(rows) else ():
            inside = rows[(rows >= first) & (rows < first + batch.num_rows)]
            texts = batch["text"].take(pa.array(inside - first))
            yield shingle_sets(DocumentBatch({"text": texts}).utf8, job.config.shingling)
            first += batch.num_rows


def write_duplicates(job: DedupJob) -> tuple[list[Output], dict[str, Any]]:
    """Choose the survivors and write the crawl's duplicates, ordered by page; then clear the working folder.

    Returns:
        The file of table duplicates, and counts for a reader: pages, exact and near duplicates, candidate
        pairs, those at or above the threshold, buckets cut, pages in them, and pages of the largest bucket.
    """
    pairs = read_table(job.uri("pairs"), ["part"])["part"]
    edges = [job.uri(f"edges-{part:06}") for part in range(_count_parts(pairs))]
    pages = count_rows(job.uri("pages"))
    with job.scratch() as scratch:
        removed = choose_survivors(pages, _stream_edges(scratch, edges))
        scratch.register("removed", pa.table({name: pa.array(getattr(removed, name)) for name in Removed._fields}))
        output, kinds = _write_rows(job, scratch.run("dedup/duplicates", pages=job.uri("pages")))
    counts = {"pages": pages, "exact": kinds["exact"], "near": kinds["near"]}
    matched = sum(count_rows(uri) for uri in edges)
    summary = counts | {"candidate_pairs": len(pairs), "matching_pairs": matched} | _summarise_cut(job)
    _clear(job)
    return [output], summary


def _stream_edges(scratch: Scratch, edges: list[str]) -> Iterator[Edges]:
    for batch in scratch.run("dedup/ordered_edges", edges=edges) if edges else ():
        yield Edges(*(batch[name].to_numpy() for name in Edges._fields))


def _write_rows(job: DedupJob, rows: pa.RecordBatchReader) -> tuple[Output, Counter[str]]:
    path = Lake(job.lake).duplicates_path(job.crawl, job.fingerprint)
    kinds: Counter[str] = Counter()
    with ShardWriter(job.lake, path, "duplicates", DUPLICATES) as writer:
        for batch in rows:
            kinds.update(str(kind) for kind in batch["kind"].to_pylist())
            writer.write(batch)
        return writer.finish(), kinds


def _summarise_cut(job: DedupJob) -> dict[str, int]:
    """Buckets that were cut; a band counts once, however often the bands were divided anew."""
    rows = [row for uri in job.working_files("cut-") for row in read_table(uri).to_pylist()]
    bands = {row["band"]: row for row in rows}.values()
    return {
        "cut_buckets": sum(row["buckets"] for row in bands),
        "cut_bucket_pages": sum(row["pages"] for row in bands),
        "largest_cut_bucket": max((row["largest"] for row in bands), default=0),
    }


def _clear(job: DedupJob) -> None:
    for uri in job.working_files():
        files.remove(uri)
    if files.is_local(job.folder):
        files.local_path(job.folder).rmdir()


def _count_parts(part: pa.ChunkedArray[Any]) -> int:
    """Parts are numbered from 0 and pairs stand in order of their part."""
    return part[-1].as_py() + 1 if len(part) else 0


def _write(job: DedupJob, name: str, schema: pa.Schema, rows: pa.RecordBatchReader) -> Output:
    with ShardWriter(job.folder, f"{name}.parquet", name, schema) as writer:
        for batch in rows:
            writer.write(batch)
        return writer.finish()
